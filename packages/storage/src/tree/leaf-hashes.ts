import { SEGMENT_LEAVES } from '../limits.ts';
import { HASH_BYTES, Levels } from './merkle.ts';
import type { TreeHash } from './merkle.ts';

/** The leaf hashes of a blob that is being written, and the tree that is stored behind its bytes. */
export class LeafHashes {
  readonly #tree: TreeHash;
  #row = new Uint8Array(HASH_BYTES * 16);
  /** Leaves so far. */
  count = 0;

  constructor(tree: TreeHash) {
    this.#tree = tree;
  }

  push(hash: Uint8Array): void {
    const at = this.count * HASH_BYTES;
    if (at === this.#row.length) {
      const larger = new Uint8Array(at * 2);
      larger.set(this.#row);
      this.#row = larger;
    }
    this.#row.set(hash, at);
    this.count += 1;
  }

  /** The root, and what lies behind the bytes on the disk: the leaf hashes, then one hash for each segment. */
  finish(): { readonly root: Uint8Array; readonly stored: Uint8Array } {
    if (this.count === 0) return { root: this.#tree.empty(), stored: new Uint8Array(0) };
    const row = this.#row.subarray(0, this.count * HASH_BYTES);
    if (this.count === 1) return { root: row.slice(), stored: new Uint8Array(0) };
    const segments = segmentHashes(this.#tree, row);
    if (segments.length === HASH_BYTES) return { root: segments, stored: row };
    const stored = new Uint8Array(row.length + segments.length);
    stored.set(row);
    stored.set(segments, row.length);
    return { root: new Levels(this.#tree, segments).root.slice(), stored };
  }
}

function segmentHashes(tree: TreeHash, row: Uint8Array): Uint8Array {
  const segmentBytes = SEGMENT_LEAVES * HASH_BYTES;
  const hashes = new Uint8Array(Math.ceil(row.length / segmentBytes) * HASH_BYTES);
  for (let at = 0, to = 0; at < row.length; at += segmentBytes, to += HASH_BYTES) {
    hashes.set(new Levels(tree, row.subarray(at, at + segmentBytes)).root, to);
  }
  return hashes;
}
