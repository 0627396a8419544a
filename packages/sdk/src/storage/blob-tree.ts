import { STORAGE_LEAF_BYTES } from '../limits.ts';
import type { Blake3 } from './blake3.ts';

/** Bytes of one hash. */
export const HASH_BYTES = 32;

const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;
const ID_PREFIX = 2;

/** Number of leaves of a blob. */
export function leavesOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / STORAGE_LEAF_BYTES);
}

/** The hashes of specs/storage-1.md §3. */
export class BlobTree {
  readonly #blake3: Blake3;
  /** What is hashed behind its prefix: copying a leaf here costs less than hashing it in two pieces. */
  readonly #memory = Buffer.alloc(1 + STORAGE_LEAF_BYTES);

  constructor(blake3: Blake3) {
    this.#blake3 = blake3;
  }

  leaf(bytes: Uint8Array): Uint8Array {
    this.#memory[0] = LEAF_PREFIX;
    this.#memory.set(bytes, 1);
    return this.#blake3.hash(this.#memory.subarray(0, 1 + bytes.length));
  }

  node(left: Uint8Array, right: Uint8Array): Uint8Array {
    this.#memory[0] = NODE_PREFIX;
    this.#memory.set(left, 1);
    this.#memory.set(right, 1 + HASH_BYTES);
    return this.#blake3.hash(this.#memory.subarray(0, 1 + 2 * HASH_BYTES));
  }

  /** Id of a blob, which covers its size (§3.2). */
  id(sizeBytes: number, root: Uint8Array): Uint8Array {
    this.#memory[0] = ID_PREFIX;
    this.#memory.writeBigUInt64BE(BigInt(sizeBytes), 1);
    this.#memory.set(root, 9);
    return this.#blake3.hash(this.#memory.subarray(0, 9 + HASH_BYTES));
  }

  /** Root of the blob without leaves. */
  empty(): Uint8Array {
    return this.#blake3.hash(new Uint8Array(0));
  }
}

/** The root over hashes that come one by one; holds one hash for each level. */
export class RootBuilder {
  readonly #tree: BlobTree;
  /** Roots of full trees, the largest first; their sizes are the bits of `#count`. */
  readonly #roots: Uint8Array[] = [];
  #count = 0;

  constructor(tree: BlobTree) {
    this.#tree = tree;
  }

  push(hash: Uint8Array): void {
    let root = hash;
    for (let rest = this.#count; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      root = this.#tree.node(this.#roots.pop() as Uint8Array, root);
    }
    this.#roots.push(root);
    this.#count++;
  }

  /** The root over all of them. */
  root(): Uint8Array {
    return this.#roots.length === 0 ? this.#tree.empty() : this.#roots.reduceRight((right, left) => this.#tree.node(left, right));
  }
}

/** Whether two hashes are the same. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
