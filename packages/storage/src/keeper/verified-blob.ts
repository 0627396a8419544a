import type { BlobStore } from '../disk/blob-store.ts';
import { StoreError } from '../disk/blob-store.ts';
import type { BlobEntry } from '../index/blob-index.ts';
import { BLOB_CACHED_BYTES_MAX, LEAF_BYTES, SEGMENT_LEAVES } from '../limits.ts';
import { HASH_BYTES, leavesOf, leftLeaves, Levels, sameHash } from '../tree/merkle.ts';
import type { TreeHash } from '../tree/merkle.ts';
import type { BlobCache } from './blob-cache.ts';
import type { TreeCache } from './tree-cache.ts';

/** The bytes of a blob are not what its id says. */
export class DamagedError extends Error {
  override readonly name = 'DamagedError';
  readonly entry: BlobEntry;
  /** The first leaf found damaged. */
  readonly leaf: number;

  constructor(entry: BlobEntry, leaf: number, cause?: unknown) {
    super(`leaf ${leaf} is damaged`, { cause });
    this.entry = entry;
    this.leaf = leaf;
  }
}

/** Name of a blob in the store. */
export function objectName(tenant: string, hex: string): string {
  return `${tenant}/${hex.slice(0, 2)}/${hex}`;
}

const SEGMENT_LEVEL = Math.log2(SEGMENT_LEAVES);

/** One blob, every byte and every hash of it checked against the root before it is handed out. */
export class VerifiedBlob {
  readonly entry: BlobEntry;
  readonly leafCount: number;
  readonly #store: BlobStore;
  readonly #tree: TreeHash;
  readonly #trees: TreeCache;
  readonly #object: string;
  readonly #cache: BlobCache | undefined;
  /** Whether what `leaves` gives is kept for further GETs, so that its memory is nobody's to use again. */
  readonly kept: boolean;

  /** @param cache of checked bytes; without one everything is read */
  constructor(store: BlobStore, tree: TreeHash, trees: TreeCache, entry: BlobEntry, cache: BlobCache | undefined) {
    this.#store = store;
    this.#tree = tree;
    this.#trees = trees;
    this.entry = entry;
    this.leafCount = leavesOf(entry.record.sizeBytes);
    this.#object = objectName(entry.tenant, entry.hex);
    const { sizeBytes, inline } = entry.record;
    this.#cache = sizeBytes <= BLOB_CACHED_BYTES_MAX && inline === undefined ? cache : undefined;
    this.kept = this.#cache?.wants(this.#object) ?? false;
  }

  /**
   * Bytes of whole leaves that follow each other.
   *
   * @param memory of `ReadBuffers` that they may be read into
   * @throws DamagedError
   * @throws StoreError busy, when the store cannot read at the moment
   */
  async leaves(first: number, count: number, memory?: Uint8Array): Promise<Uint8Array> {
    const { sizeBytes, inline } = this.entry.record;
    const start = first * LEAF_BYTES;
    const bytes = Math.min(sizeBytes, start + count * LEAF_BYTES) - start;
    const cached = this.#cache?.get(this.#object);
    if (cached !== undefined) return cached.subarray(start, start + bytes);
    // A change that comes while the bytes are read makes another version.
    const version = this.kept ? this.#store.version(this.#object) : undefined;
    const read = inline ?? (await this.#read(first, start, bytes, memory));
    if (read.length < bytes) throw new DamagedError(this.entry, first + Math.floor(read.length / LEAF_BYTES));
    const checked = new Uint8Array(read.buffer, read.byteOffset - 1, bytes + 1);
    for (let index = 0; index < count; index++) {
      const leaf = first + index;
      const segment = this.#knownSegment(leaf) ?? (await this.#segment(leaf));
      const from = 1 + index * LEAF_BYTES;
      const hash = this.#tree.leaf(checked, from, Math.min(from + LEAF_BYTES, checked.length));
      if (!sameHash(hash, segment.at(0, leaf % SEGMENT_LEAVES))) throw new DamagedError(this.entry, leaf);
    }
    if (bytes === sizeBytes && version !== undefined) this.#cache?.set(this.#object, version, read);
    else this.#cache?.note(this.#object, sizeBytes);
    return read;
  }

  /** Hashes of the two halves of a node of more than one leaf. @throws DamagedError */
  async halves(first: number, count: number): Promise<Uint8Array> {
    const left = leftLeaves(count);
    return Buffer.concat([await this.#node(first, left), await this.#node(first + left, count - left)]);
  }

  /** Hashes of the leaves of one group. @throws DamagedError */
  async group(first: number, count: number): Promise<Uint8Array> {
    const segment = await this.#segment(first);
    const from = first % SEGMENT_LEAVES;
    return Buffer.concat(Array.from({ length: count }, (_, index) => segment.at(0, from + index)));
  }

  async #node(first: number, count: number): Promise<Uint8Array> {
    const level = Math.ceil(Math.log2(count));
    if (level <= SEGMENT_LEVEL) return (await this.#segment(first)).at(level, (first % SEGMENT_LEAVES) >> level);
    return (await this.#top()).at(level - SEGMENT_LEVEL, Math.floor(first / 2 ** level));
  }

  #knownSegment(leaf: number): Levels | undefined {
    return this.#trees.get(this.#object, Math.floor(leaf / SEGMENT_LEAVES));
  }

  /** The hashes of the segment that a leaf is in, which agree with the root. */
  async #segment(leaf: number): Promise<Levels> {
    const index = Math.floor(leaf / SEGMENT_LEAVES);
    const known = this.#trees.get(this.#object, index);
    if (known !== undefined) return known;
    const { leafCount } = this;
    const first = index * SEGMENT_LEAVES;
    const segment = new Levels(this.#tree, await this.#row(first, first, Math.min(SEGMENT_LEAVES, leafCount - first)));
    const expected = leafCount <= SEGMENT_LEAVES ? this.entry.record.root : (await this.#top()).at(0, index);
    if (!sameHash(segment.root, expected)) throw new DamagedError(this.entry, first);
    this.#trees.set(this.#object, index, segment);
    return segment;
  }

  /** The hashes above the segments, which agree with the root. */
  async #top(): Promise<Levels> {
    const known = this.#trees.get(this.#object, 'top');
    if (known !== undefined) return known;
    const top = new Levels(this.#tree, await this.#row(0, this.leafCount, Math.ceil(this.leafCount / SEGMENT_LEAVES)));
    if (!sameHash(top.root, this.entry.record.root)) throw new DamagedError(this.entry, 0);
    this.#trees.set(this.#object, 'top', top);
    return top;
  }

  /** Stored hashes from the one at `at` on, the first of which is about the leaf `leaf`. */
  async #row(leaf: number, at: number, count: number): Promise<Uint8Array> {
    const { sizeBytes, root } = this.entry.record;
    if (this.leafCount === 1) return root;
    const row = await this.#read(leaf, sizeBytes + at * HASH_BYTES, count * HASH_BYTES);
    if (row.length < count * HASH_BYTES) throw new DamagedError(this.entry, await this.#firstMissing(leaf));
    return row;
  }

  /** The first leaf that a file without all of its hashes has not all of; `otherwise` when it has all of them. */
  async #firstMissing(otherwise: number): Promise<number> {
    const { sizeBytes } = this.entry.record;
    let whole = 0;
    for (let missing = this.leafCount; whole < missing; ) {
      const middle = Math.floor((whole + missing) / 2);
      const last = await this.#read(middle, Math.min(sizeBytes, (middle + 1) * LEAF_BYTES) - 1, 1);
      if (last.length === 1) whole = middle + 1;
      else missing = middle;
    }
    return whole < this.leafCount ? whole : otherwise;
  }

  async #read(leaf: number, at: number, bytes: number, memory?: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#store.read(this.#object, at, bytes, memory);
    } catch (error) {
      const { fault } = StoreError.from(error);
      // What the disk cannot read, or has lost, is damaged; everything else may pass.
      if (fault === 'missing' || fault === 'io') throw new DamagedError(this.entry, leaf, error);
      throw error;
    }
  }
}
