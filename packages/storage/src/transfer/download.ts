import type { BlobEntry } from '../index/blob-index.ts';
import type { BlobKeeper } from '../keeper/blob-keeper.ts';
import type { VerifiedBlob } from '../keeper/verified-blob.ts';
import { BATCH_BYTES_MAX, BLOB_CACHED_BYTES_MAX, FIRST_BATCH_BYTES_MAX, LEAF_BYTES } from '../limits.ts';
import { HASH_BYTES } from '../tree/merkle.ts';
import { proofSteps } from '../tree/proof-steps.ts';
import type { LeafSpan } from '../tree/proof-steps.ts';
import { batchBytes, pieceBytes } from './batches.ts';
import { encodeMetadata } from './metadata.ts';
import { clipRanges, leavesIn } from './ranges.ts';
import type { ByteRange } from './ranges.ts';
import type { GetRequest } from './request-body.ts';

/** Where the parts of a reply go. */
export interface PartSink {
  /**
   * Sends a part; false when `drained` has to be awaited before the next one.
   *
   * @param memory of `ReadBuffers` that the part, and nothing after it, lies in
   */
  write(part: Uint8Array, memory?: Uint8Array): boolean;
  end(part: Uint8Array, memory?: Uint8Array): void;
  /** Resolves when there is room, or the reply leads nowhere any more. */
  drained(): Promise<void>;
  /** The peer let go. */
  readonly gone: boolean;
}

/** Bytes of a reply, and the memory that they alone lie in. */
interface Part {
  readonly bytes: Uint8Array;
  readonly memory?: Uint8Array | undefined;
}

/** Parts of a reply, and what to wait for to have them. */
type Batch = () => Promise<readonly Part[]>;

/**
 * One GET: the metadata, then bytes or the proof of specs/storage-1.md §4. While
 * one batch is being sent the next one is read, and no more.
 */
export class Download {
  readonly #keeper: BlobKeeper;
  readonly #entry: BlobEntry;
  readonly #request: GetRequest;
  readonly #blob: VerifiedBlob;
  readonly #ranges: readonly ByteRange[];
  readonly #spans: readonly LeafSpan[];
  readonly #transfers: () => number;
  #begun = false;

  /**
   * @param transfers how many GETs are under way
   * @throws OapError blob_not_found, blob_corrupt or range_invalid
   */
  constructor(keeper: BlobKeeper, tenant: string, request: GetRequest, transfers: () => number) {
    this.#keeper = keeper;
    this.#request = request;
    this.#transfers = transfers;
    this.#entry = keeper.find(tenant, request.id);
    const { record } = this.#entry;
    if (record.corruptLeaf !== undefined) throw keeper.corrupt(this.#entry, record.corruptLeaf);
    this.#blob = keeper.open(this.#entry);
    this.#ranges = clipRanges(request.ranges, record.sizeBytes);
    this.#spans = leavesIn(this.#ranges);
  }

  /** Whether the bytes are the application's own ciphertext. */
  get endToEnd(): boolean {
    return this.#entry.record.endToEnd;
  }

  /** @throws OapError blob_corrupt, storage_busy */
  async run(sink: PartSink): Promise<void> {
    try {
      await this.#keeper.reading(this.#entry, () => this.#send(sink));
    } catch (error) {
      throw await this.#keeper.refusalOf(error);
    }
  }

  async #send(sink: PartSink): Promise<void> {
    const parts = this.#request.proof ? this.#proof() : this.#bytes();
    let next = parts.next();
    // The first bytes are read before anything is said, so that damage there is the answer.
    let reading = next.done === true ? undefined : next.value();
    const first = await reading;
    const metadata = encodeMetadata(this.#entry, this.#bodyBytes());
    if (first === undefined) {
      sink.end(metadata);
      return;
    }
    sink.write(metadata);
    for (let batch = first; ; ) {
      next = parts.next();
      reading = next.done === true ? undefined : next.value();
      // Its failure is met below; the sink may end before that.
      reading?.catch(() => undefined);
      const isLast = reading === undefined;
      for (const [index, part] of batch.entries()) {
        await this.#hand(sink, part, isLast && index === batch.length - 1);
        if (sink.gone) return;
      }
      if (reading === undefined) return;
      batch = await reading;
    }
  }

  /** Hands over one part piece by piece, each when the one before was taken. */
  async #hand(sink: PartSink, { bytes, memory }: Part, isLast: boolean): Promise<void> {
    const size = pieceBytes(this.#transfers());
    for (let at = 0; at < bytes.length && !sink.gone; at += size) {
      const piece = bytes.subarray(at, at + size);
      const ends = at + size >= bytes.length;
      if (ends && isLast) sink.end(piece, memory);
      else if (!sink.write(piece, ends ? memory : undefined)) await sink.drained();
    }
  }

  #bodyBytes(): number {
    if (!this.#request.proof) return this.#ranges.reduce((sum, [start, end]) => sum + end - start, 0);
    const { sizeBytes } = this.#entry.record;
    let bytes = 0;
    for (const { kind, first, count } of proofSteps(this.#blob.leafCount, this.#spans)) {
      if (kind === 'halves') bytes += 2 * HASH_BYTES;
      else if (kind === 'group') bytes += count * HASH_BYTES;
      else bytes += Math.min(sizeBytes, (first + count) * LEAF_BYTES) - first * LEAF_BYTES;
    }
    return bytes;
  }

  /** The bytes of the ranges. */
  *#bytes(): Generator<Batch, undefined> {
    for (const [start, end] of this.#ranges) {
      for (let at = start; at < end; ) {
        const first = Math.floor(at / LEAF_BYTES);
        const behind = Math.min(Math.ceil(end / LEAF_BYTES), first + this.#batchLeaves());
        const from = at - first * LEAF_BYTES;
        const upTo = Math.min(end, behind * LEAF_BYTES);
        const bytes = upTo - at;
        yield async () => {
          const part = await this.#leaves(first, behind - first);
          return [{ ...part, bytes: part.bytes.subarray(from, from + bytes) }];
        };
        at = upTo;
      }
    }
    return undefined;
  }

  /** The proof of the leaves that the ranges touch; hashes travel with the leaves behind them. */
  *#proof(): Generator<Batch, undefined> {
    const blob = this.#blob;
    let hashes: (() => Promise<Uint8Array>)[] = [];
    for (const { kind, first, count } of proofSteps(blob.leafCount, this.#spans)) {
      if (kind === 'halves') hashes.push(() => blob.halves(first, count));
      else if (kind === 'group') hashes.push(() => blob.group(first, count));
      else {
        for (let at = first; at < first + count; ) {
          const from = at;
          const leaves = Math.min(first + count - from, this.#batchLeaves());
          const before = hashes;
          hashes = [];
          yield async () => {
            const proof: Uint8Array[] = [];
            for (const read of before) proof.push(await read());
            const part = await this.#leaves(from, leaves);
            return proof.length === 0 ? [part] : [{ bytes: Buffer.concat(proof) }, part];
          };
          at += leaves;
        }
      }
    }
    return undefined;
  }

  async #leaves(first: number, count: number): Promise<Part> {
    if (this.#blob.kept) return { bytes: await this.#blob.leaves(first, count) };
    const memory = this.#keeper.buffers.acquire(count);
    const bytes = await this.#blob.leaves(first, count, memory);
    return { bytes, memory: bytes.buffer === memory.buffer ? memory : undefined };
  }

  /** Leaves of the next batch. The first of a large blob is small: many GETs that begin together do not know of each other yet. */
  #batchLeaves(): number {
    const isFirst = !this.#begun && this.#entry.record.sizeBytes > BLOB_CACHED_BYTES_MAX;
    this.#begun = true;
    return Math.min(isFirst ? FIRST_BATCH_BYTES_MAX : BATCH_BYTES_MAX, batchBytes(this.#transfers())) / LEAF_BYTES;
  }
}
