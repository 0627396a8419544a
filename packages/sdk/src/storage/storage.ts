import { encode } from '@msgpack/msgpack';
import { decodeMap, OapError, Reject } from '@omnigate/kernel/wire';
import { Call } from '../call.ts';
import { readCallTerms } from '../call-options.ts';
import type { CallOptions } from '../call-options.ts';
import type { ExchangeOwner } from '../exchange.ts';
import { asFields, badField, readBytes, readCount, readList, readOptionalCount, readOptionalText, readText } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { STORAGE_HAS_IDS_MAX, STORAGE_LEAF_BYTES, STORAGE_LIST_BLOBS, STORAGE_PAGES_MAX } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { readBlobName } from './blob-id.ts';
import { isSteady, openSource } from './blob-source.ts';
import type { BlobSource } from './blob-source.ts';
import { readBlobStatus, readDamage, readUsage } from './blob-status.ts';
import type { BlobStatus, DamagedLeaf, StorageUsage } from './blob-status.ts';
import { Download } from './download.ts';
import { loadHashing } from './hashing.ts';
import { APP_STORAGE, StorageOp } from './operations.ts';
import { Put } from './put.ts';
import type { PutOptions, PutResult } from './put.ts';
import { readRanges } from './ranges.ts';
import type { BlobRange } from './ranges.ts';

/** What of a blob is read. */
export interface GetOptions {
  /** Ascending and disjoint, 256 at most; all bytes when absent. An `end` behind that of the blob counts as it. */
  readonly ranges?: readonly BlobRange[] | undefined;
  /** Cancels the download, here and at the node. */
  readonly signal?: AbortSignal | undefined;
}

/** How long a pin lasts. */
export interface PinOptions extends CallOptions {
  /** From now on, 1 to 315,360,000,000 ms; without end when absent. */
  readonly ttlMs?: number | undefined;
}

/** What is checked. */
export interface ScrubOptions extends CallOptions {
  /** One blob, by id or alias; all of the tenant when absent. */
  readonly id?: string | undefined;
  /** Called after each reply of the node, with what was checked so far. */
  readonly onProgress?: ((checkedBlobs: number, checkedBytes: number) => void) | undefined;
}

/** What a scrub found. */
export interface ScrubResult {
  readonly checkedBlobs: number;
  readonly checkedBytes: number;
  readonly corrupt: readonly DamagedLeaf[];
}

/** What a sweep removed. */
export interface GcResult {
  readonly sweptBlobs: number;
  readonly sweptBytes: number;
}

/**
 * The blobs of one tenant at one node (specs/storage-1.md). A blob is named by
 * its id, `b3m:` and 64 hex digits, or by its alias, `b3:` and the plain BLAKE3
 * that `b3sum` prints. Everything it throws is an OapError, but for mistakes in
 * arguments and what a source of bytes throws itself.
 */
export class Storage {
  readonly #owner: ExchangeOwner;
  readonly #terms: CallTerms;

  /** Made by `client.storage()`. */
  constructor(owner: ExchangeOwner, terms: CallTerms) {
    this.#owner = owner;
    // Doing any of it twice is doing it once.
    this.#terms = { ...terms, repeatable: true };
  }

  /**
   * Puts a blob; resolves when it would survive a loss of power. Bytes and files
   * are hashed first and go on after a lost connection, a file also in another
   * run; a stream is read once.
   *
   * @throws OapError storage_quota, storage_full, blob_too_large, content_mismatch, upload_replaced; connection_lost
   *   of a stream; blob_unverified when the node says that it keeps something else
   */
  async put(source: BlobSource, options: PutOptions = {}): Promise<PutResult> {
    const { signal, expect } = options;
    if (expect !== undefined && readBlobName(expect).form !== 'id') throw new TypeError('expect is an id, which begins with b3m:');
    const { blake3 } = await loadHashing();
    const opened = await openSource(source);
    const terms = this.#transferTerms(signal);
    const put = new Put({ owner: this.#owner, terms, options, receivedBytes: (id) => this.#receivedBytes(id, signal) });
    try {
      return await (isSteady(opened.bytes) ? put.steady(opened.bytes, blake3) : put.once(opened.bytes, blake3));
    } finally {
      await opened.close();
    }
  }

  /**
   * Reads a blob, or ranges of it; every byte is checked against the id before it
   * is handed out. By alias, the whole blob is read and hashed before, and then
   * read again: use ids where you can.
   *
   * Iterating throws OapError blob_not_found, blob_corrupt, range_invalid; blob_unverified with the leaf in
   * `detail` when what came is not what the id says.
   */
  get(id: string, options: GetOptions = {}): Download {
    const name = readBlobName(id);
    const ranges = options.ranges === undefined ? undefined : readRanges(options.ranges);
    return new Download(loadHashing(), { owner: this.#owner, name, ranges, terms: this.#transferTerms(options.signal) });
  }

  /** Whether a GET would find each of these blobs, in their order. */
  async has(ids: readonly string[], options: CallOptions = {}): Promise<boolean[]> {
    for (const id of ids) readBlobName(id);
    const found: boolean[] = [];
    for (let at = 0; at < ids.length; at += STORAGE_HAS_IDS_MAX) {
      const asked = ids.slice(at, at + STORAGE_HAS_IDS_MAX);
      const have = readBytes(await this.#call(StorageOp.HAS, { ids: asked }, options), 'have');
      if (have.length !== Math.ceil(asked.length / 8)) throw badField('have');
      found.push(...asked.map((_, index) => (((have[index >> 3] as number) >> (index & 7)) & 1) === 1));
    }
    return found;
  }

  /** What the node knows of a blob. @throws OapError blob_not_found */
  async stat(id: string, options: CallOptions = {}): Promise<BlobStatus> {
    readBlobName(id);
    return readBlobStatus(await this.#call(StorageOp.STAT, { id }, options));
  }

  /** What the tenant holds, and may hold. */
  async usage(options: CallOptions = {}): Promise<StorageUsage> {
    return readUsage(await this.#call(StorageOp.STAT, {}, options));
  }

  /** The blobs of the tenant in the order of their ids, uploads that broke off left out. The deadline is that of each request. */
  async *list(options: CallOptions = {}): AsyncGenerator<BlobStatus, undefined> {
    for await (const fields of this.#pages(StorageOp.LIST, { limit: STORAGE_LIST_BLOBS }, options)) {
      for (const value of readList(fields, 'blobs')) yield readBlobStatus(asFields(value, 'blobs'));
    }
    return undefined;
  }

  /** Keeps a blob; replaces the pin it has. Resolves with when that ends, Unix milliseconds. */
  async pin(id: string, options: PinOptions = {}): Promise<{ readonly id: string; readonly pinUntilMs: number | undefined }> {
    readBlobName(id);
    const { ttlMs } = options;
    const fields = await this.#call(StorageOp.PIN, { id, ...(ttlMs === undefined ? {} : { ttl_ms: ttlMs }) }, options);
    return { id: readText(fields, 'id'), pinUntilMs: readOptionalCount(fields, 'pin_until_ms') };
  }

  /** Takes the pin away: the blob goes after the grace window of the node, or sooner when room is needed. */
  async unpin(id: string, options: CallOptions = {}): Promise<{ readonly id: string }> {
    readBlobName(id);
    return { id: readText(await this.#call(StorageOp.UNPIN, { id }, options), 'id') };
  }

  /** Removes now what is due. */
  async gc(options: CallOptions = {}): Promise<GcResult> {
    const fields = await this.#call(StorageOp.GC, {}, options);
    return { sweptBlobs: readCount(fields, 'swept_blobs'), sweptBytes: readCount(fields, 'swept_bytes') };
  }

  /** Lets the node check what it keeps. The deadline is that of each request, which checks some 64 MiB. */
  async scrub(options: ScrubOptions = {}): Promise<ScrubResult> {
    const { id, onProgress } = options;
    if (id !== undefined) readBlobName(id);
    let [checkedBlobs, checkedBytes] = [0, 0];
    const corrupt: DamagedLeaf[] = [];
    for await (const fields of this.#pages(StorageOp.SCRUB, id === undefined ? {} : { id }, options)) {
      checkedBlobs += readCount(fields, 'checked_blobs');
      checkedBytes += readCount(fields, 'checked_bytes');
      corrupt.push(...readList(fields, 'corrupt').map((value) => readDamage(asFields(value, 'corrupt'))));
      onProgress?.(checkedBlobs, checkedBytes);
    }
    return { checkedBlobs, checkedBytes, corrupt };
  }

  /** A transfer takes as long as it has to. */
  #transferTerms(signal: AbortSignal | undefined): CallTerms {
    return { ...this.#terms, signal, deadlineMs: Number.POSITIVE_INFINITY };
  }

  async #receivedBytes(id: string, signal: AbortSignal | undefined): Promise<number> {
    try {
      const { receivedBytes = 0 } = await this.stat(id, { signal });
      return receivedBytes - (receivedBytes % STORAGE_LEAF_BYTES);
    } catch (thrown) {
      const error = OapError.from(thrown);
      if (error.reason === 'blob_not_found') return 0;
      throw error;
    }
  }

  /** Replies to a request that is repeated with the cursor of each. */
  async *#pages(op: number, request: Fields, options: CallOptions): AsyncGenerator<Fields, undefined> {
    let cursor: string | undefined;
    for (let page = 0; page < STORAGE_PAGES_MAX; page++) {
      const fields = await this.#call(op, cursor === undefined ? request : { ...request, cursor }, options);
      yield fields;
      cursor = readOptionalText(fields, 'cursor');
      if (cursor === undefined) return undefined;
    }
    throw new OapError(Reject.bad_response, { message: `Storage had no end after ${STORAGE_PAGES_MAX} answers.` });
  }

  #call(op: number, request: Fields, options: CallOptions): Promise<Fields> {
    const terms = readCallTerms(options, this.#terms);
    return new Promise((resolve, reject) => {
      const onReply = (reply: { readonly payload: Uint8Array }): void => {
        const fields = decodeMap(reply.payload);
        if (fields === undefined) reject(badField(''));
        else resolve(fields);
      };
      this.#owner.begin(new Call(this.#owner, APP_STORAGE, op, encode(request), terms, onReply, reject));
    });
  }
}
