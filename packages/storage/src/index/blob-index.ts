import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import type { BlobName } from '../tree/blob-name.ts';
import { decodePart, decodeRecord, decodeUsage, encodePart, encodeRecord, encodeUsage, isWhole, NO_USAGE } from './blob-record.ts';
import type { BlobRecord, PartRecord, Usage } from './blob-record.ts';

/** One blob of one tenant. */
export interface BlobEntry {
  /** 32 hexadecimal digits. */
  readonly tenant: string;
  /** 64 hexadecimal digits. */
  readonly hex: string;
  readonly record: BlobRecord;
}

/** A part that a PUT left. */
export interface PartEntry {
  readonly tenant: string;
  /** Of the id that its PUT expects. */
  readonly hex: string;
  readonly part: PartRecord;
}

/** What a PUT of a blob changed. */
export interface PutOutcome {
  /** This tenant had it already, whole. */
  readonly existed: boolean;
  /** What it had instead, when that was damaged and may lie aside. */
  readonly mended: boolean;
}

type Table = Database<Buffer, Buffer>;

const TENANT_BYTES = 16;
const DIGEST_BYTES = 32;
const NOT_BELOW = Buffer.alloc(DIGEST_BYTES + 8, 0xff);

/**
 * The records of all blobs in LMDB. Reading is synchronous and takes
 * microseconds; a change resolves when it would survive a loss of power.
 * Callbacks of a transaction never throw, since what they had written would stay.
 */
export class BlobIndex {
  /** Another number whenever a record may be another one: who remembers what one said knows when to look again. */
  changes = 0;
  readonly #root: RootDatabase;
  /** tenant, digest: record. */
  readonly #blobs: Table;
  /** tenant, plain BLAKE3: digest. */
  readonly #aliases: Table;
  /** tenant, time, digest: nothing; each blob whose keeping ends. */
  readonly #ends: Table;
  /** tenant, digest: part. */
  readonly #parts: Table;
  /** tenant: usage. */
  readonly #tenants: Table;
  /** name: a note of the upkeep. */
  readonly #notes: Table;

  constructor(path: string) {
    // With overlappingSync a crash can cost transactions that were acknowledged.
    this.#root = open({ path, overlappingSync: false, maxDbs: 8 });
    const table = (name: string): Table => this.#root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
    this.#blobs = table('blobs');
    this.#aliases = table('aliases');
    this.#ends = table('ends');
    this.#parts = table('parts');
    this.#tenants = table('tenants');
    this.#notes = table('notes');
  }

  /** Digest of the blob that a name stands for, in hexadecimal digits. */
  resolve(tenant: string, name: BlobName): string | undefined {
    return name.form === 'id' ? name.hex : this.#aliases.get(keyOf(tenant, name.hex))?.toString('hex');
  }

  get(tenant: string, hex: string): BlobRecord | undefined {
    const bytes = this.stored(tenant, hex);
    return bytes === undefined ? undefined : decodeRecord(bytes);
  }

  /** A record as it lies in the index. */
  stored(tenant: string, hex: string): Buffer | undefined {
    return this.#blobs.get(keyOf(tenant, hex));
  }

  /** Whether a GET would find the blob. */
  has(tenant: string, name: BlobName): boolean {
    const hex = this.resolve(tenant, name);
    if (hex === undefined) return false;
    const bytes = this.#blobs.getBinaryFast(keyOf(tenant, hex));
    return bytes !== undefined && isWhole(bytes);
  }

  usage(tenant: string): Usage {
    const bytes = this.#tenants.get(Buffer.from(tenant, 'hex'));
    return bytes === undefined ? NO_USAGE : decodeUsage(bytes);
  }

  part(tenant: string, hex: string): PartRecord | undefined {
    const bytes = this.#parts.get(keyOf(tenant, hex));
    return bytes === undefined ? undefined : decodePart(bytes);
  }

  /** Blobs of a tenant behind the digest `after`, ascending. */
  list(tenant: string, after: string | undefined, limit: number): BlobEntry[] {
    const start = after === undefined ? Buffer.from(tenant, 'hex') : keyOf(tenant, after);
    const range = this.#blobs.getRange({ start, end: behind(tenant), limit, ...(after === undefined ? {} : { exclusiveStart: true }) });
    return [...range].map(({ key, value }) => ({ tenant, hex: digestOf(key), record: decodeRecord(value) }));
  }

  /** The blob that follows another one over all tenants, the first without one. */
  next(after: { readonly tenant: string; readonly hex: string } | undefined): BlobEntry | undefined {
    const start = after === undefined ? {} : { start: keyOf(after.tenant, after.hex), exclusiveStart: true };
    for (const { key, value } of this.#blobs.getRange({ ...start, limit: 1 })) {
      return { tenant: key.toString('hex', 0, TENANT_BYTES), hex: digestOf(key), record: decodeRecord(value) };
    }
    return undefined;
  }

  /** Tenants behind another one, ascending. */
  tenants(after: string | undefined, limit: number): string[] {
    const start = after === undefined ? {} : { start: Buffer.from(after, 'hex'), exclusiveStart: true };
    return [...this.#tenants.getKeys({ ...start, limit })].map((key) => key.toString('hex'));
  }

  /** Blobs of a tenant whose keeping ended before `timeMs`, the longest ago first. */
  ended(tenant: string, timeMs: number, limit: number): string[] {
    const start = Buffer.from(tenant, 'hex');
    return [...this.#ends.getKeys({ start, end: endKeyOf(tenant, timeMs, ''), limit })].map(digestOf);
  }

  parts(tenant: string): PartEntry[] {
    const range = this.#parts.getRange({ start: Buffer.from(tenant, 'hex'), end: behind(tenant) });
    return [...range].map(({ key, value }) => ({ tenant, hex: digestOf(key), part: decodePart(value) }));
  }

  /** Books a blob that is in its place. One that is there already keeps the longer pin; its part is over. */
  put(tenant: string, hex: string, record: BlobRecord): Promise<PutOutcome> {
    return this.#change(() => {
      this.#changePart(tenant, hex, undefined);
      const before = this.get(tenant, hex);
      this.#write(tenant, hex, before, before === undefined ? record : merged(before, record));
      return {
        existed: before !== undefined && before.corruptLeaf === undefined,
        mended: before?.corruptLeaf !== undefined,
      };
    });
  }

  /** Sets or ends a pin; false when there is no such blob. */
  pin(tenant: string, hex: string, pinned: boolean, keptUntilMs: number): Promise<boolean> {
    return this.#change(() => {
      const before = this.get(tenant, hex);
      if (before === undefined) return false;
      if (pinned || before.pinned) this.#write(tenant, hex, before, { ...before, pinned, keptUntilMs });
      return true;
    });
  }

  /** Notes that a leaf was found damaged. */
  corrupt(tenant: string, hex: string, leaf: number): Promise<void> {
    return this.#change(() => {
      const before = this.get(tenant, hex);
      if (before !== undefined && before.corruptLeaf === undefined) this.#write(tenant, hex, before, { ...before, corruptLeaf: leaf });
    });
  }

  /** Removes a blob if its keeping ended before `timeMs`; returns what it was. */
  remove(tenant: string, hex: string, timeMs: number): Promise<BlobRecord | undefined> {
    return this.#change(() => {
      const before = this.get(tenant, hex);
      if (before === undefined || before.keptUntilMs >= timeMs) return undefined;
      this.#write(tenant, hex, before, undefined);
      return before;
    });
  }

  /** Notes how far a resumable PUT has come; `undefined` when it is over. */
  setPart(tenant: string, hex: string, part: PartRecord | undefined): Promise<void> {
    return this.#root.transaction(() => {
      this.#changePart(tenant, hex, part);
    });
  }

  /** A short text that the upkeep left for after a restart. */
  note(name: string): string | undefined {
    return this.#notes.get(Buffer.from(name))?.toString();
  }

  async setNote(name: string, text: string): Promise<void> {
    await this.#notes.put(Buffer.from(name), Buffer.from(text));
  }

  async close(): Promise<void> {
    await this.#root.close();
  }

  /** A transaction that changes records. */
  async #change<T>(write: () => T): Promise<T> {
    try {
      return await this.#root.transaction(write);
    } finally {
      // Whoever reads now meets what was committed, and nobody was told before.
      this.changes += 1;
    }
  }

  /** Writes or removes a record, and what is derived from it. */
  #write(tenant: string, hex: string, before: BlobRecord | undefined, after: BlobRecord | undefined): void {
    const key = keyOf(tenant, hex);
    if (before !== undefined && Number.isFinite(before.keptUntilMs)) inTransaction(this.#ends.remove(endKeyOf(tenant, before.keptUntilMs, hex)));
    if (after === undefined) {
      inTransaction(this.#blobs.remove(key));
      if (before !== undefined) inTransaction(this.#aliases.remove(keyOf(tenant, toHex(before.b3))));
    } else {
      inTransaction(this.#blobs.put(key, encodeRecord(after)));
      inTransaction(this.#aliases.put(keyOf(tenant, toHex(after.b3)), Buffer.from(hex, 'hex')));
      if (Number.isFinite(after.keptUntilMs)) inTransaction(this.#ends.put(endKeyOf(tenant, after.keptUntilMs, hex), Buffer.alloc(0)));
    }
    const { blobs, pinnedBytes, unpinnedBytes, partialBytes } = this.usage(tenant);
    this.#setUsage(tenant, {
      blobs: blobs + (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1),
      pinnedBytes: pinnedBytes + bytesOf(after, true) - bytesOf(before, true),
      unpinnedBytes: unpinnedBytes + bytesOf(after, false) - bytesOf(before, false),
      partialBytes,
    });
  }

  #changePart(tenant: string, hex: string, after: PartRecord | undefined): void {
    const before = this.part(tenant, hex);
    if (before === undefined && after === undefined) return;
    if (after === undefined) inTransaction(this.#parts.remove(keyOf(tenant, hex)));
    else inTransaction(this.#parts.put(keyOf(tenant, hex), encodePart(after)));
    const usage = this.usage(tenant);
    const change = (after?.receivedBytes ?? 0) - (before?.receivedBytes ?? 0);
    this.#setUsage(tenant, { ...usage, partialBytes: usage.partialBytes + change });
  }

  #setUsage(tenant: string, usage: Usage): void {
    const key = Buffer.from(tenant, 'hex');
    if (usage.blobs === 0 && usage.partialBytes === 0) inTransaction(this.#tenants.remove(key));
    else inTransaction(this.#tenants.put(key, encodeUsage(usage)));
  }
}

/** A write of a transaction: whoever waits for the transaction hears of its failure, and once is enough. */
function inTransaction(write: Promise<boolean>): void {
  write.catch(() => undefined);
}

/** A blob that was put again: the longer pin, the newer type, and no damage. */
function merged(before: BlobRecord, after: BlobRecord): BlobRecord {
  const longer = before.pinned && (!after.pinned || before.keptUntilMs > after.keptUntilMs) ? before : after;
  return {
    ...after,
    createdMs: before.createdMs,
    pinned: longer.pinned,
    keptUntilMs: longer.keptUntilMs,
    mediaType: after.mediaType === '' ? before.mediaType : after.mediaType,
  };
}

function bytesOf(record: BlobRecord | undefined, pinned: boolean): number {
  return record?.pinned === pinned ? record.sizeBytes : 0;
}

function keyOf(tenant: string, hex: string): Buffer {
  return Buffer.from(tenant + hex, 'hex');
}

/** Times are positive, so that their bytes are in the order of their values. */
function endKeyOf(tenant: string, timeMs: number, hex: string): Buffer {
  const key = Buffer.alloc(TENANT_BYTES + 8 + hex.length / 2);
  key.write(tenant, 'hex');
  key.writeDoubleBE(timeMs, TENANT_BYTES);
  key.write(hex, TENANT_BYTES + 8, 'hex');
  return key;
}

/** A key behind all of a tenant. */
function behind(tenant: string): Buffer {
  return Buffer.concat([Buffer.from(tenant, 'hex'), NOT_BELOW]);
}

function digestOf(key: Buffer): string {
  return key.toString('hex', key.length - DIGEST_BYTES);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
