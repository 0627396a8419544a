import { createHmac } from 'node:crypto';
import { CapabilityStore, Keyring, mintCapability, readAuditTail } from '@omnigate/capability';
import type { MintedCapability, MintOptions } from '@omnigate/capability';
import { ALICE } from './frames.ts';
import { until } from './patience.ts';

/** Where the identifier is in a token, after version, location and the head of the field (specs/capability-1.md §3). */
const IDENTIFIER_AT = 13;
const IDENTIFIER_BYTES = 31;
const DAY_MS = 86_400_000;

/** Lines of an audit log that are looked at: more than one row makes. */
const AUDIT_LINES = 2_000;

/** Mints for a node, in the ways that an operator does and in some that nobody should. */
export class Desk {
  readonly store: CapabilityStore;
  readonly #folder: string;

  private constructor(store: CapabilityStore, folder: string) {
    this.store = store;
    this.#folder = folder;
  }

  static async open(folder: string): Promise<Desk> {
    return new Desk(await CapabilityStore.open({ folder, auditLog: 'ronctl' }), folder);
  }

  /** A capability of Alice, unless told otherwise. */
  async mint(options: Partial<MintOptions> = {}): Promise<Uint8Array> {
    return (await this.minted(options)).bytes;
  }

  async minted(options: Partial<MintOptions> = {}): Promise<MintedCapability> {
    return this.store.mint({ tenant: ALICE, ...options });
  }

  /** One that was minted at another time. */
  mintedAt(nowMs: number, options: Partial<MintOptions> = {}): Uint8Array {
    return mintCapability(this.store.keyring, { tenant: ALICE, nowMs, ...options }).bytes;
  }

  /** One of a node that this one knows nothing of. */
  foreign(): Uint8Array {
    const nowMs = Date.now();
    return mintCapability(Keyring.create({ nowMs: nowMs - DAY_MS }), { tenant: ALICE, nowMs }).bytes;
  }

  /** One with a right signature over whatever caveats, in the form that minting would give them. */
  async forged(caveats: readonly string[]): Promise<Uint8Array> {
    const { keyring } = this.store;
    const identifier = Buffer.from((await this.mint()).subarray(IDENTIFIER_AT, IDENTIFIER_AT + IDENTIFIER_BYTES));
    let signature = keyring.signIdentifier(keyring.active, identifier);
    if (signature === undefined) throw new Error('the active key has a secret');
    for (const caveat of caveats) signature = createHmac('sha256', signature).update(caveat).digest();
    return tokenOf(identifier, caveats, signature);
  }

  /** Waits for denials in the audit log of the node, of a reason and since `count` of them. */
  async audited(reason: string, count: number): Promise<void> {
    await until(`${count} times ${reason} in the audit log`, async () => (await this.denials(reason)) >= count);
  }

  /** Denials of a reason on record. */
  async denials(reason: string): Promise<number> {
    const lines = await readAuditTail(CapabilityStore.auditFolder(this.#folder), 'node', AUDIT_LINES);
    return lines.filter((line) => line.includes(`"${reason}"`)).length;
  }

  async close(): Promise<void> {
    await this.store.close();
  }
}

/** The bytes of a macaroon with these parts; nothing about them is checked. */
export function tokenOf(identifier: Uint8Array, caveats: readonly string[], signature: Uint8Array): Uint8Array {
  const field = (type: number, value: Uint8Array): Buffer => Buffer.concat([Buffer.of(type, ...varint(value.length)), value]);
  const end = Buffer.of(0);
  return Buffer.concat([
    Buffer.of(2),
    field(1, Buffer.from('omnigate')),
    field(2, identifier),
    end,
    ...caveats.flatMap((caveat) => [field(2, Buffer.from(caveat)), end]),
    end,
    field(6, signature),
  ]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}
