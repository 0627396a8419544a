import { CapabilityError } from './capability-error.ts';
import { REVOCATIONS_MAX } from './limits.ts';

/** What is revoked: one token with all that was attenuated from it, or all of a tenant's up to a moment. */
export type RevocationTarget =
  | { readonly nonce: string }
  | { readonly tenant: string; readonly issuedUntilMs: number };

/** One revocation (specs/capability-1.md §8). */
export type Revocation = RevocationTarget & {
  /** Its number; later ones have higher numbers, and none is used twice. */
  readonly sequence: number;
  /** When no token it could concern is alive any more, and it may be forgotten. */
  readonly forgetAtMs: number;
};

/** Told to whoever asked when revocations were added; plain data. */
export interface RevocationEvent {
  readonly sequence: number;
  readonly added: readonly Revocation[];
}

/** What a revocation is compared with. */
export interface Revocable {
  readonly nonce: string;
  readonly tenant: string;
  readonly issuedAtMs: number;
}

/** All revocations in force. It never changes; adding one gives another list. */
export class RevocationList {
  static readonly EMPTY = new RevocationList(0, []);

  /** Number of the last revocation ever made, 0 before the first. */
  readonly sequence: number;
  /** Ascending by sequence. */
  readonly entries: readonly Revocation[];

  readonly #nonces: ReadonlySet<string>;
  readonly #issuedUntilMs: ReadonlyMap<string, number>;

  constructor(sequence: number, entries: readonly Revocation[]) {
    this.sequence = sequence;
    this.entries = entries;
    const issuedUntilMs = new Map<string, number>();
    for (const entry of entries) {
      if ('tenant' in entry) issuedUntilMs.set(entry.tenant, Math.max(entry.issuedUntilMs, issuedUntilMs.get(entry.tenant) ?? 0));
    }
    this.#nonces = new Set(entries.flatMap((entry) => ('nonce' in entry ? [entry.nonce] : [])));
    this.#issuedUntilMs = issuedUntilMs;
    Object.freeze(this);
  }

  isRevoked({ nonce, tenant, issuedAtMs }: Revocable): boolean {
    return this.#nonces.has(nonce) || issuedAtMs <= (this.#issuedUntilMs.get(tenant) ?? -1);
  }

  /**
   * This list with one more revocation, and without those that no living token
   * needs any more, or that the new one covers.
   *
   * @param forgetAtMs when the last token it could concern has expired
   * @throws CapabilityError list_full
   */
  add(target: RevocationTarget, nowMs: number, forgetAtMs: number): RevocationList {
    const kept = this.entries.filter((entry) => entry.forgetAtMs > nowMs && !covers(target, entry));
    if (kept.length >= REVOCATIONS_MAX) {
      throw new CapabilityError('list_full', `There are ${REVOCATIONS_MAX} revocations in force.`, 'Rotate the keys and retire the old one by force: that ends every token minted with it.');
    }
    const sequence = this.sequence + 1;
    return new RevocationList(sequence, [...kept, Object.freeze({ ...target, sequence, forgetAtMs })]);
  }

  /** What this list has that came after `sequence`. */
  addedSince(sequence: number): readonly Revocation[] {
    return this.entries.filter((entry) => entry.sequence > sequence);
  }
}

function covers(target: RevocationTarget, entry: RevocationTarget): boolean {
  if ('nonce' in target) return 'nonce' in entry && entry.nonce === target.nonce;
  return 'tenant' in entry && entry.tenant === target.tenant && entry.issuedUntilMs <= target.issuedUntilMs;
}
