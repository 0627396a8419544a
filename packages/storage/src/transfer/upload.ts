import { OapError } from '@omnigate/kernel';
import { ulid } from 'ulid';
import type { Hasher } from '../hash/hash-function.ts';
import type { BlobRecord } from '../index/blob-record.ts';
import type { BlobKeeper } from '../keeper/blob-keeper.ts';
import { partName } from '../keeper/blob-keeper.ts';
import { BATCH_BYTES_MAX, BLOB_BYTES_MAX, INLINE_BYTES_MAX, LEAF_BYTES, UPLOAD_SYNC_BYTES } from '../limits.ts';
import { StorageReject } from '../rejects.ts';
import { LeafHashes } from '../tree/leaf-hashes.ts';
import type { Filled, Intake } from './intake.ts';
import type { PutRequest } from './request-body.ts';

/** What a PUT came to. */
export interface PutResult {
  /** 32 bytes each. */
  readonly id: Uint8Array;
  readonly b3: Uint8Array;
  readonly sizeBytes: number;
  readonly existed: boolean;
}

/** Why a PUT ends before its end. */
export type StopReason = 'cancelled' | 'replaced';

/** What a PUT is about. */
export interface UploadTerms {
  readonly tenant: string;
  readonly request: PutRequest;
  readonly endToEnd: boolean;
  /** Whether the part may be left for a later PUT with the same `expect`. */
  readonly resumable: boolean;
}

/**
 * One PUT from its first byte to the record (specs/storage-1.md §5.4). Bytes are
 * hashed and written batch by batch; each is told to `onWritten` when it is
 * with the operating system, which is when the client may send more.
 */
export class Upload {
  /** Resolves when nothing of it is left to do. */
  readonly settled: Promise<void>;
  readonly #keeper: BlobKeeper;
  readonly #terms: UploadTerms;
  readonly #intake: Intake;
  readonly #onWritten: (bytes: number) => void;
  readonly #hashes: LeafHashes;
  readonly #alias: Hasher;
  /** Name of the part that nobody else may touch. */
  #claimed: string | undefined;
  /** The same, once this PUT decides what becomes of it. */
  #part: string | undefined;
  #writtenBytes = 0;
  /** What of that is noted in the index, and where the next note is due. */
  #notedBytes = 0;
  #reservedBytes = 0;
  #reservedBlobs = 0;
  #noting: Promise<void> | undefined;
  #startedMs: number;
  #stop: StopReason | undefined;
  #settle: () => void = () => undefined;

  constructor(keeper: BlobKeeper, terms: UploadTerms, intake: Intake, onWritten: (bytes: number) => void) {
    this.#keeper = keeper;
    this.#terms = terms;
    this.#intake = intake;
    this.#onWritten = onWritten;
    this.#hashes = new LeafHashes(keeper.tree);
    this.#alias = keeper.blake3.hasher();
    this.#startedMs = keeper.now();
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Ends it where it is; what can be resumed is kept. */
  stop(reason: StopReason): void {
    this.#stop ??= reason;
    this.#intake.wake();
  }

  /**
   * Takes all bytes and makes a blob of them.
   *
   * @throws OapError why it was refused; `undefined` comes back when it was cancelled
   */
  async run(): Promise<PutResult | undefined> {
    try {
      const known = await this.#known();
      if (known !== undefined) return known;
      await this.#prepare();
      const last = await this.#takeAll();
      if (this.#stop === undefined) return await this.#finish(last);
      await this.#keepForLater();
    } catch (error) {
      await this.#discard();
      throw await this.#keeper.refusalOf(error);
    } finally {
      this.#keeper.accounts.reserve(this.#terms.tenant, -this.#reservedBytes, -this.#reservedBlobs);
      if (this.#claimed !== undefined) this.#keeper.partsInUse.delete(this.#claimed);
      this.#settle();
    }
    if (this.#stop === 'replaced') throw new OapError(StorageReject.upload_replaced);
    return undefined;
  }

  /** The tenant has the expected blob already, so that its bytes are not needed. */
  async #known(): Promise<PutResult | undefined> {
    const { tenant, request } = this.#terms;
    const hex = request.expect?.hex;
    const record = hex === undefined ? undefined : this.#keeper.index.get(tenant, hex);
    if (hex === undefined || record === undefined || record.corruptLeaf !== undefined) return undefined;
    if (request.sizeBytes !== undefined && request.sizeBytes !== record.sizeBytes) throw mismatch('size_bytes');
    const { b3, sizeBytes } = record;
    const renewed = await this.#keeper.renew({ tenant, hex, record: { ...record, ...this.#said() } });
    return renewed ? { id: Buffer.from(hex, 'hex'), b3, sizeBytes, existed: true } : undefined;
  }

  /** Sets room aside, and reads again what an earlier PUT left. */
  async #prepare(): Promise<void> {
    const { tenant, request, resumable } = this.#terms;
    const hex = request.expect?.hex;
    if (resumable && hex !== undefined) {
      this.#claimed = partName(tenant, hex);
      await this.#keeper.claimPart(this.#claimed);
      await this.#resume(tenant, hex, this.#claimed, request.offsetBytes ?? 0);
    }
    await this.#reserve(Math.max(0, (request.sizeBytes ?? 0) - this.#notedBytes), 1);
  }

  async #resume(tenant: string, hex: string, part: string, offsetBytes: number): Promise<void> {
    const { index, store } = this.#keeper;
    const before = index.part(tenant, hex);
    const onDisk = before === undefined ? 0 : await store.partBytes(part);
    const keptBytes = Math.min(before?.receivedBytes ?? 0, Math.floor(onDisk / LEAF_BYTES) * LEAF_BYTES);
    if (offsetBytes > keptBytes) {
      throw new OapError(StorageReject.upload_offset, {
        message: `The node has ${keptBytes} bytes of this upload.`,
        detail: { received_bytes: keptBytes },
      });
    }
    this.#part = part;
    if (before !== undefined) {
      this.#startedMs = before.startedMs;
      await index.setPart(tenant, hex, offsetBytes === 0 ? undefined : { ...before, receivedBytes: offsetBytes });
    }
    this.#notedBytes = offsetBytes;
    for (let at = 0; at < offsetBytes && this.#stop === undefined; at += BATCH_BYTES_MAX) {
      this.#hash(await store.readPart(part, at, Math.min(BATCH_BYTES_MAX, offsetBytes - at)));
    }
    this.#writtenBytes = offsetBytes;
  }

  /** Writes batch after batch; returns what is left when all of it fits into the record. */
  async #takeAll(): Promise<Filled | undefined> {
    const stopped = () => this.#stop !== undefined;
    for (;;) {
      const batch = await this.#intake.next(stopped);
      if (batch === undefined) return undefined;
      const { bytes } = batch;
      const { sizeBytes } = this.#terms.request;
      if (sizeBytes !== undefined && this.#writtenBytes + bytes > sizeBytes) throw mismatch('size_bytes');
      if (this.#writtenBytes + bytes > BLOB_BYTES_MAX) throw new OapError(StorageReject.blob_too_large);
      if (sizeBytes === undefined) await this.#reserve(bytes, 0);
      const memory = batch.memory.subarray(0, bytes + 1);
      this.#hash(memory.subarray(1));
      if (this.#writtenBytes === 0 && bytes <= INLINE_BYTES_MAX && this.#intake.complete) return batch;
      await this.#append(memory.subarray(1));
      this.#onWritten(bytes);
      this.#noteSometimes();
    }
  }

  async #finish(inline: Filled | undefined): Promise<PutResult> {
    const { tenant, request } = this.#terms;
    const keeper = this.#keeper;
    await this.#noting;
    const sizeBytes = this.#writtenBytes + (inline?.bytes ?? 0);
    if (request.sizeBytes !== undefined && sizeBytes !== request.sizeBytes) throw mismatch('size_bytes');
    const { root, stored } = this.#hashes.finish();
    const id = keeper.tree.id(sizeBytes, root);
    const hex = Buffer.from(id).toString('hex');
    if (request.expect !== undefined && request.expect.hex !== hex) throw mismatch('expect');
    const isInline = this.#writtenBytes === 0;
    if (!isInline && stored.length > 0) await this.#append(stored);
    const b3 = this.#alias.digest();
    const record: BlobRecord = {
      sizeBytes,
      root,
      b3,
      createdMs: this.#startedMs,
      endToEnd: this.#terms.endToEnd,
      mediaType: '',
      inline: isInline ? (inline?.memory.subarray(1, 1 + inline.bytes) ?? new Uint8Array(0)) : undefined,
      ...this.#said(),
    };
    const { existed } = await keeper.commit({ tenant, hex, part: isInline ? undefined : this.#part, record });
    if (isInline && this.#part !== undefined) await keeper.store.discard(this.#part);
    return { id, b3, sizeBytes, existed };
  }

  /** The fields of a record that a PUT says and its bytes do not. */
  #said(): Pick<BlobRecord, 'pinned' | 'keptUntilMs'> & { readonly mediaType?: string } {
    const { pinTtlMs, mediaType } = this.#terms.request;
    const pinned = pinTtlMs !== 0;
    const keptUntilMs = pinTtlMs === undefined ? Infinity : this.#keeper.now() + pinTtlMs;
    return { pinned, keptUntilMs, ...(mediaType === undefined ? {} : { mediaType }) };
  }

  #hash(bytes: Uint8Array): void {
    const { tree } = this.#keeper;
    const memory = new Uint8Array(bytes.buffer, bytes.byteOffset - 1, bytes.length + 1);
    for (let at = 1; at < memory.length; at += LEAF_BYTES) {
      this.#hashes.push(tree.leaf(memory, at, Math.min(at + LEAF_BYTES, memory.length)));
    }
    this.#alias.update(bytes);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    if (this.#part === undefined) {
      this.#claimed = this.#part = ulid().toLowerCase();
      this.#keeper.partsInUse.add(this.#part);
    }
    await this.#keeper.store.append(this.#part, this.#writtenBytes, bytes);
    this.#writtenBytes += bytes.length;
  }

  async #reserve(bytes: number, blobs: number): Promise<void> {
    await this.#keeper.reserve(this.#terms.tenant, bytes, blobs);
    this.#reservedBytes += bytes;
    this.#reservedBlobs += blobs;
  }

  /** Notes in the background how far a resumable PUT has come, so that a crash costs little. */
  #noteSometimes(): void {
    if (!this.#terms.resumable || this.#noting !== undefined) return;
    if (this.#writtenBytes - this.#notedBytes < UPLOAD_SYNC_BYTES) return;
    this.#noting = this.#note().finally(() => {
      this.#noting = undefined;
    });
    // It is tried again with the next batch, and at the end a failure is told.
    this.#noting.catch(() => undefined);
  }

  async #note(): Promise<void> {
    const { tenant, request } = this.#terms;
    const hex = request.expect?.hex;
    if (hex === undefined || this.#part === undefined) return;
    const receivedBytes = Math.floor(this.#writtenBytes / LEAF_BYTES) * LEAF_BYTES;
    await this.#keeper.store.sync(this.#part);
    const { sizeBytes } = request;
    await this.#keeper.index.setPart(tenant, hex, { receivedBytes, sizeBytes, startedMs: this.#startedMs, changedMs: this.#keeper.now() });
    // The index counts these bytes from now on.
    const counted = Math.min(this.#reservedBytes, receivedBytes - this.#notedBytes);
    this.#keeper.accounts.reserve(tenant, -counted, 0);
    this.#reservedBytes -= counted;
    this.#notedBytes = receivedBytes;
  }

  async #keepForLater(): Promise<void> {
    await this.#noting;
    if (!this.#terms.resumable || this.#part === undefined || this.#writtenBytes < LEAF_BYTES) {
      await this.#discard();
      return;
    }
    if (this.#writtenBytes > this.#notedBytes) await this.#note();
    await this.#keeper.store.release(this.#part);
    await this.#keeper.boundParts(this.#terms.tenant);
  }

  async #discard(): Promise<void> {
    await this.#noting?.catch(() => undefined);
    const { tenant, request, resumable } = this.#terms;
    if (this.#part === undefined) return;
    await this.#keeper.store.discard(this.#part);
    if (resumable && request.expect !== undefined) await this.#keeper.index.setPart(tenant, request.expect.hex, undefined);
  }
}

function mismatch(field: 'expect' | 'size_bytes'): OapError {
  return new OapError(StorageReject.content_mismatch, { message: `The bytes are not what ${field} says.`, detail: { field } });
}
