import { OapError, Reject } from '@omnigate/kernel';
import type { Logger } from '@omnigate/kernel';
import type { BlobStore } from '../disk/blob-store.ts';
import { StoreError } from '../disk/blob-store.ts';
import { ReadBuffers } from '../disk/read-buffers.ts';
import type { StorageFigures } from '../figures.ts';
import type { HashFunction } from '../hash/hash-function.ts';
import type { BlobEntry, BlobIndex, PartEntry } from '../index/blob-index.ts';
import type { BlobRecord } from '../index/blob-record.ts';
import { BUSY_RETRY_MS, LEAF_BYTES, PARTS_PER_TENANT_MAX, ROOM_BLOBS_MAX } from '../limits.ts';
import { StorageReject } from '../rejects.ts';
import { idText } from '../tree/blob-name.ts';
import type { BlobName } from '../tree/blob-name.ts';
import { sameHash, TreeHash } from '../tree/merkle.ts';
import type { Accounts } from './accounts.ts';
import { BlobCache } from './blob-cache.ts';
import { KeyedLock } from './keyed-lock.ts';
import { TreeCache } from './tree-cache.ts';
import { DamagedError, objectName, VerifiedBlob } from './verified-blob.ts';

/** What a keeper works with. */
export interface KeeperParts {
  readonly index: BlobIndex;
  readonly store: BlobStore;
  readonly blake3: HashFunction;
  readonly accounts: Accounts;
  readonly figures: StorageFigures;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** What a PUT has at its end. */
export interface FinishedBlob {
  readonly tenant: string;
  /** Of its id. */
  readonly hex: string;
  /** Name of the part that holds its bytes and its tree; undefined for one that lies in the record. */
  readonly part: string | undefined;
  readonly record: BlobRecord;
}

/** Bytes of a blob, and the memory of `ReadBuffers` that they alone lie in. */
export interface AtHand {
  readonly bytes: Uint8Array;
  readonly memory?: Uint8Array | undefined;
}

/** Name of the part of a PUT that can be resumed. */
export function partName(tenant: string, hex: string): string {
  return `${tenant}-${hex}`;
}

/**
 * The blobs: index and store together. A blob is in the store before it is in the
 * index and leaves the index before the store, so that a crash can leave bytes
 * without a record, which are swept, and never a record without bytes.
 */
export class BlobKeeper {
  readonly index: BlobIndex;
  readonly store: BlobStore;
  readonly blake3: HashFunction;
  readonly tree: TreeHash;
  readonly accounts: Accounts;
  readonly figures: StorageFigures;
  readonly now: () => number;
  readonly logger: Logger;
  readonly buffers = new ReadBuffers();
  /** Parts that a PUT under way writes, by name. */
  readonly partsInUse = new Set<string>();
  readonly #trees = new TreeCache();
  readonly #cache: BlobCache;
  readonly #locks = new KeyedLock();
  /** How many GETs read a blob, by tenant and digest. */
  readonly #readers = new Map<string, number>();
  /** Those of them whose record is gone: the last reader removes the bytes. */
  readonly #leftToReaders = new Set<string>();

  constructor(parts: KeeperParts) {
    this.index = parts.index;
    this.store = parts.store;
    this.#cache = new BlobCache(parts.store);
    this.blake3 = parts.blake3;
    this.tree = new TreeHash(parts.blake3);
    this.accounts = parts.accounts;
    this.figures = parts.figures;
    this.now = parts.now;
    this.logger = parts.logger;
  }

  /** @throws OapError blob_not_found */
  find(tenant: string, name: BlobName): BlobEntry {
    const hex = this.index.resolve(tenant, name);
    const record = hex === undefined ? undefined : this.index.get(tenant, hex);
    if (hex === undefined || record === undefined) throw new OapError(StorageReject.blob_not_found);
    return { tenant, hex, record };
  }

  /**
   * All bytes of a blob, checked, if they can be had without waiting. `undefined`
   * also when something is wrong with them: whoever opens the blob is told what.
   *
   * @param object name of the blob in the store
   */
  atHand({ record }: BlobEntry, object: string): AtHand | undefined {
    const { sizeBytes, root, inline } = record;
    const kept = inline ?? this.#cache.get(object);
    if (kept !== undefined) return inline === undefined || sameHash(this.tree.leafOf(inline), root) ? { bytes: kept } : undefined;
    if (sizeBytes > LEAF_BYTES) return undefined;
    // A change that comes while the bytes are read makes another version.
    const version = this.#cache.wants(object) ? this.store.version(object) : undefined;
    const memory = version === undefined ? this.buffers.acquire(1) : Buffer.allocUnsafeSlow(1 + sizeBytes);
    const bytes = this.store.readAtHand(object, sizeBytes, memory);
    if (bytes === undefined || !sameHash(this.tree.leafOf(bytes), root)) {
      if (version === undefined) this.buffers.release(memory);
      return undefined;
    }
    if (version === undefined) {
      this.#cache.note(object, sizeBytes);
      return { bytes, memory };
    }
    this.#cache.set(object, version, bytes);
    return { bytes };
  }

  /** A blob to be served. */
  open(entry: BlobEntry): VerifiedBlob {
    return new VerifiedBlob(this.store, this.tree, this.#trees, entry, this.#cache);
  }

  /** A blob to be read from the store, whatever is known of it. */
  openFresh(entry: BlobEntry): VerifiedBlob {
    return new VerifiedBlob(this.store, this.tree, this.#trees, entry, undefined);
  }

  /** Runs what reads a blob over some time: a sweep leaves its bytes alone until that is done. */
  async reading(entry: BlobEntry, read: () => Promise<void>): Promise<void> {
    const key = entry.tenant + entry.hex;
    this.#readers.set(key, (this.#readers.get(key) ?? 0) + 1);
    try {
      await read();
    } finally {
      const others = (this.#readers.get(key) ?? 1) - 1;
      if (others > 0) this.#readers.set(key, others);
      else this.#readers.delete(key);
      if (others === 0 && this.#leftToReaders.delete(key)) await this.removeOrphan(entry.tenant, entry.hex, 'object');
    }
  }

  /** Makes a blob of what a PUT wrote; resolves when it survives a loss of power. */
  commit(blob: FinishedBlob): Promise<{ readonly existed: boolean }> {
    const { tenant, hex, part, record } = blob;
    return this.#locks.run(tenant + hex, async () => {
      const before = this.index.get(tenant, hex);
      const isThere = before !== undefined && before.corruptLeaf === undefined;
      if (part !== undefined && !isThere) await this.store.commit(part, objectName(tenant, hex));
      const { existed, mended } = await this.index.put(tenant, hex, record);
      if (part !== undefined && isThere) await this.store.discard(part);
      if (mended) await this.store.removeQuarantined(objectName(tenant, hex));
      return { existed };
    });
  }

  /** Removes a blob whose keeping ended before `timeMs`; returns its size, `undefined` when it is to stay. */
  removeEnded(tenant: string, hex: string, timeMs: number): Promise<number | undefined> {
    return this.#locks.run(tenant + hex, async () => {
      const removed = await this.index.remove(tenant, hex, timeMs);
      if (removed === undefined) return undefined;
      if (removed.inline === undefined) {
        if (this.#readers.has(tenant + hex)) this.#leftToReaders.add(tenant + hex);
        else await this.store.remove(objectName(tenant, hex));
        if (removed.corruptLeaf !== undefined) await this.store.removeQuarantined(objectName(tenant, hex));
      }
      this.figures.sweptBlobs += 1;
      this.figures.sweptBytes += removed.sizeBytes;
      return removed.sizeBytes;
    });
  }

  /** Books a PUT of a blob that its tenant has; false when it has it no more, or damaged. */
  renew({ tenant, hex, record }: BlobEntry): Promise<boolean> {
    return this.#locks.run(tenant + hex, async () => {
      const before = this.index.get(tenant, hex);
      if (before === undefined || before.corruptLeaf !== undefined) return false;
      await this.index.put(tenant, hex, record);
      return true;
    });
  }

  /** Takes a part for a PUT, which has to give it back by `partsInUse`; resolves when nobody is removing it. */
  async claimPart(name: string): Promise<void> {
    this.partsInUse.add(name);
    await this.#locks.run(name, () => Promise.resolve());
  }

  /** Removes a part unless a PUT is writing it; returns its bytes. */
  removePart({ tenant, hex, part }: PartEntry): Promise<number> {
    const name = partName(tenant, hex);
    return this.#locks.run(name, async () => {
      if (this.partsInUse.has(name)) return 0;
      await this.store.discard(name);
      await this.index.setPart(tenant, hex, undefined);
      this.figures.sweptBytes += part.receivedBytes;
      return part.receivedBytes;
    });
  }

  /** Lets the oldest parts of a tenant go that are more than it may have. */
  async boundParts(tenant: string): Promise<void> {
    const parts = this.index.parts(tenant).sort((a, b) => a.part.changedMs - b.part.changedMs);
    for (const entry of parts.slice(0, Math.max(0, parts.length - PARTS_PER_TENANT_MAX))) await this.removePart(entry);
  }

  /** Removes a file that no record names, if that is still so. */
  removeOrphan(tenant: string, hex: string, kind: 'object' | 'quarantined'): Promise<boolean> {
    return this.#locks.run(tenant + hex, async () => {
      const record = this.index.get(tenant, hex);
      if (this.#readers.has(tenant + hex)) return false;
      const isWanted = kind === 'object' ? record !== undefined && record.inline === undefined : record?.corruptLeaf !== undefined;
      if (isWanted) return false;
      if (kind === 'object') await this.store.remove(objectName(tenant, hex));
      else await this.store.removeQuarantined(objectName(tenant, hex));
      return true;
    });
  }

  /**
   * Makes room for a PUT out of what its tenant does not keep (specs/storage-1.md §7.2).
   *
   * @throws OapError storage_quota when that does not help
   */
  async reserve(tenant: string, bytes: number, blobs: number): Promise<void> {
    const { accounts } = this;
    for (let removed = 0; !accounts.fits(tenant, bytes, blobs) && removed < ROOM_BLOBS_MAX; removed++) {
      const [hex] = this.index.ended(tenant, this.now(), 1);
      if (hex !== undefined) {
        await this.removeEnded(tenant, hex, this.now());
        continue;
      }
      const idle = this.index.parts(tenant).find((entry) => !this.partsInUse.has(partName(tenant, entry.hex)));
      if (idle === undefined) break;
      await this.removePart(idle);
    }
    if (!accounts.fits(tenant, bytes, blobs)) {
      throw new OapError(StorageReject.storage_quota, {
        message: 'The blob does not fit into what the tenant may hold.',
        detail: { quota_bytes: accounts.quota.bytes, used_bytes: accounts.usedBytes(tenant) },
      });
    }
    accounts.reserve(tenant, bytes, blobs);
  }

  /** What a damaged blob, or a store that fails, is to its caller; books damage first. Anything else comes back as it is. */
  async refusalOf(error: unknown): Promise<unknown> {
    if (error instanceof DamagedError) return this.#damaged(error);
    if (!(error instanceof StoreError)) return error;
    if (error.fault === 'full') return new OapError(StorageReject.storage_full, { cause: error });
    if (error.fault === 'busy') return new OapError(StorageReject.storage_busy, { cause: error, retryAfterMs: BUSY_RETRY_MS });
    this.logger.error({ event: 'StorageFailed', err: error }, 'the disk of the storage service failed');
    return new OapError(Reject.internal, { cause: error });
  }

  /** The refusal of a blob that was found damaged. */
  corrupt(entry: BlobEntry, leaf: number): OapError {
    const id = idText(Buffer.from(entry.hex, 'hex'));
    return new OapError(StorageReject.blob_corrupt, { message: `Leaf ${leaf} of ${id} is damaged.`, detail: { id, leaf } });
  }

  async #damaged({ entry, leaf, cause }: DamagedError): Promise<OapError> {
    const { tenant, hex } = entry;
    await this.#locks.run(tenant + hex, async () => {
      const record = this.index.get(tenant, hex);
      // It may have been swept, or mended by a PUT, since it was read.
      if (record === undefined || record.corruptLeaf !== undefined) return;
      if (!(await this.#isStillDamaged({ ...entry, record }, leaf))) return;
      await this.index.corrupt(tenant, hex, leaf);
      this.figures.corruptBlobs += 1;
      if (record.inline === undefined) await this.store.quarantine(objectName(tenant, hex));
      this.logger.error({ event: 'BlobDamaged', tenant, id: `b3m:${hex}`, leaf, err: cause }, 'a blob is damaged; put it again from another copy');
    });
    return this.corrupt(entry, leaf);
  }

  async #isStillDamaged(entry: BlobEntry, leaf: number): Promise<boolean> {
    try {
      await this.openFresh(entry).leaves(leaf, 1);
      return false;
    } catch (error) {
      return error instanceof DamagedError;
    }
  }
}
