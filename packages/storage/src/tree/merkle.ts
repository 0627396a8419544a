import type { HashFunction } from '../hash/hash-function.ts';
import { LEAF_BYTES } from '../limits.ts';

/** Bytes of one hash. */
export const HASH_BYTES = 32;

const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;
const ID_PREFIX = 2;

/** Number of leaves of a blob. */
export function leavesOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / LEAF_BYTES);
}

/** The largest power of two smaller than `count`, where a node of so many leaves is split; `count` is at least 2. */
export function leftLeaves(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1);
}

/** The hashes of specs/storage-1.md §3. */
export class TreeHash {
  readonly #blake3: HashFunction;
  /** Prefix, left, right. */
  readonly #pair = new Uint8Array(1 + 2 * HASH_BYTES);
  /** Prefix, size, root. */
  readonly #head = new Uint8Array(9 + HASH_BYTES);

  constructor(blake3: HashFunction) {
    this.#blake3 = blake3;
    this.#pair[0] = NODE_PREFIX;
    this.#head[0] = ID_PREFIX;
  }

  /**
   * Hash of the leaf `memory[start..end)`. The byte before it stands in for the
   * prefix while it is computed, so that the leaf need not be copied: nobody else
   * may read or write that byte meanwhile.
   *
   * @param start at least 1
   */
  leaf(memory: Uint8Array, start: number, end: number): Uint8Array {
    const before = memory[start - 1] as number;
    memory[start - 1] = LEAF_PREFIX;
    const hash = this.#blake3.hash(memory.subarray(start - 1, end));
    memory[start - 1] = before;
    return hash;
  }

  /** Hash of a leaf that lies behind a byte as `leaf` needs it. */
  leafOf(bytes: Uint8Array): Uint8Array {
    const memory = new Uint8Array(bytes.buffer, bytes.byteOffset - 1, 1 + bytes.length);
    return this.leaf(memory, 1, memory.length);
  }

  /** Hash of the node over the hashes at two offsets. */
  node(hashes: Uint8Array, left: number, right: number): Uint8Array {
    this.#pair.set(hashes.subarray(left, left + HASH_BYTES), 1);
    this.#pair.set(hashes.subarray(right, right + HASH_BYTES), 1 + HASH_BYTES);
    return this.#blake3.hash(this.#pair);
  }

  /** Root of the blob without leaves. */
  empty(): Uint8Array {
    return this.#blake3.hash(new Uint8Array(0));
  }

  /** Id of a blob, which covers its size (§3.2). */
  id(sizeBytes: number, root: Uint8Array): Uint8Array {
    const view = new DataView(this.#head.buffer);
    view.setUint32(1, Math.floor(sizeBytes / 0x1_0000_0000));
    view.setUint32(5, sizeBytes % 0x1_0000_0000);
    this.#head.set(root, 9);
    return this.#blake3.hash(this.#head);
  }
}

/**
 * All nodes over a row of hashes. Level 0 is the row; a node without a right
 * neighbour rises as it is, which gives the shape of RFC 6962.
 */
export class Levels {
  readonly #levels: readonly Uint8Array[];

  /** @param row 32 bytes for each hash, at least one */
  constructor(tree: TreeHash, row: Uint8Array) {
    const levels = [row];
    for (let below = row; below.length > HASH_BYTES; ) {
      const count = below.length / HASH_BYTES;
      const above = new Uint8Array(Math.ceil(count / 2) * HASH_BYTES);
      for (let at = 0; at + 1 < count; at += 2) {
        above.set(tree.node(below, at * HASH_BYTES, (at + 1) * HASH_BYTES), (at / 2) * HASH_BYTES);
      }
      if (count % 2 === 1) above.set(below.subarray(-HASH_BYTES), above.length - HASH_BYTES);
      levels.push(above);
      below = above;
    }
    this.#levels = levels;
  }

  /** Hash of the node over everything. */
  get root(): Uint8Array {
    return this.#levels.at(-1) as Uint8Array;
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#levels.reduce((sum, { length }) => sum + length, 0);
  }

  /** Hash of a node; above the root it is the root. */
  at(level: number, index: number): Uint8Array {
    const row = this.#levels[Math.min(level, this.#levels.length - 1)] as Uint8Array;
    return row.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }
}

/** Whether two hashes are the same. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
