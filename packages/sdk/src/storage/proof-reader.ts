import { OapError, Reject } from '@omnigate/kernel/wire';
import { STORAGE_GROUP_LEAVES, STORAGE_LEAF_BYTES } from '../limits.ts';
import { SdkReject } from '../rejects.ts';
import { HASH_BYTES, leavesOf, RootBuilder, sameHash } from './blob-tree.ts';
import type { BlobTree } from './blob-tree.ts';
import type { BlobRange } from './ranges.ts';

/** What is known of a blob whose proof is to be read, all of it checked against the id. */
export interface ProofTerms {
  /** Text of the id, for errors. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly root: Uint8Array;
  /** Ascending, disjoint, within the blob. */
  readonly ranges: readonly BlobRange[];
}

/** A part of the tree that is still to come, and the hash that it must have. */
interface Node {
  readonly first: number;
  readonly count: number;
  readonly hash: Uint8Array;
}

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Takes the sequence of specs/storage-1.md §4 as it arrives and gives the bytes
 * of the ranges, each leaf checked before. It holds one leaf, and two hashes for
 * each level of the tree.
 */
export class ProofReader {
  readonly #tree: BlobTree;
  readonly #terms: ProofTerms;
  /** Nodes in the order of the walk, the next one last. */
  readonly #nodes: Node[] = [];
  /** The range that bytes are given of next. */
  #range = 0;
  /** The checked leaf, while it may have bytes to give. */
  #leaf: Uint8Array | undefined;
  #leafStart = 0;
  #input = NOTHING;
  #at = 0;
  /** A part that came in pieces, so far. */
  #held: Uint8Array | undefined;
  #heldBytes = 0;

  constructor(tree: BlobTree, terms: ProofTerms) {
    this.#tree = tree;
    this.#terms = terms;
    const count = leavesOf(terms.sizeBytes);
    if (count > 0) this.#nodes.push({ first: 0, count, hash: terms.root });
  }

  /** Adds what arrived; the input before has to be used up. It is given out again, so it must not change. */
  push(input: Uint8Array): void {
    this.#input = input;
    this.#at = 0;
  }

  /**
   * The next bytes of a range, at most a leaf; undefined when more input is needed.
   *
   * @throws OapError blob_unverified; bad_response when the sequence goes on after its end
   */
  next(): Uint8Array | undefined {
    for (;;) {
      const piece = this.#cut();
      if (piece !== undefined) return piece;
      const node = this.#wanted();
      if (node === undefined) {
        if (this.#at < this.#input.length) throw this.#malformed('goes on after its end');
        return undefined;
      }
      const part = this.#take(this.#lengthOf(node));
      if (part === undefined) return undefined;
      this.#nodes.pop();
      this.#check(node, part);
    }
  }

  /** Nothing more arrives. @throws OapError bad_response when something is missing */
  end(): void {
    if (this.#wanted() !== undefined) throw this.#malformed('ends early');
  }

  /** What of the leaf is in the next range. */
  #cut(): Uint8Array | undefined {
    const leaf = this.#leaf;
    const range = this.#terms.ranges[this.#range];
    if (leaf === undefined) return undefined;
    const leafEnd = this.#leafStart + leaf.length;
    if (range === undefined || range[0] >= leafEnd) {
      this.#leaf = undefined;
      return undefined;
    }
    const [start, end] = range;
    if (end <= leafEnd) this.#range++;
    else this.#leaf = undefined;
    return leaf.subarray(Math.max(start - this.#leafStart, 0), end - this.#leafStart);
  }

  /** The next node that a range needs; those before it are not sent. */
  #wanted(): Node | undefined {
    const range = this.#terms.ranges[this.#range];
    if (range === undefined) return undefined;
    while (this.#nodes.length > 0) {
      const node = this.#nodes.at(-1) as Node;
      // Ranges behind which the walk is are done with, so only their start counts.
      if (range[0] < (node.first + node.count) * STORAGE_LEAF_BYTES) return node;
      this.#nodes.pop();
    }
    return undefined;
  }

  #lengthOf({ first, count }: Node): number {
    if (count > STORAGE_GROUP_LEAVES) return 2 * HASH_BYTES;
    return count > 1 ? count * HASH_BYTES : Math.min(STORAGE_LEAF_BYTES, this.#terms.sizeBytes - first * STORAGE_LEAF_BYTES);
  }

  /** So many bytes of what arrived, in one piece. */
  #take(bytes: number): Uint8Array | undefined {
    const at = this.#at;
    if (this.#held === undefined && this.#input.length - at >= bytes) {
      this.#at += bytes;
      return this.#input.subarray(at, this.#at);
    }
    const held = (this.#held ??= new Uint8Array(bytes));
    this.#at = Math.min(this.#input.length, at + bytes - this.#heldBytes);
    held.set(this.#input.subarray(at, this.#at), this.#heldBytes);
    this.#heldBytes += this.#at - at;
    if (this.#heldBytes < bytes) return undefined;
    this.#held = undefined;
    this.#heldBytes = 0;
    return held;
  }

  /** Compares a part with what it must be (§4.1), and plans what comes below it. */
  #check(node: Node, part: Uint8Array): void {
    if (node.count > STORAGE_GROUP_LEAVES) this.#checkHalves(node, part.slice());
    else if (node.count > 1) this.#checkGroup(node, part.slice());
    else this.#checkLeaf(node, part);
  }

  #checkHalves(node: Node, part: Uint8Array): void {
    const left = part.subarray(0, HASH_BYTES);
    const right = part.subarray(HASH_BYTES);
    this.#compare(node, this.#tree.node(left, right));
    const count = 2 ** Math.ceil(Math.log2(node.count) - 1);
    this.#nodes.push({ first: node.first + count, count: node.count - count, hash: right }, { first: node.first, count, hash: left });
  }

  #checkGroup(node: Node, part: Uint8Array): void {
    const root = new RootBuilder(this.#tree);
    const leaves: Node[] = [];
    for (let index = 0; index < node.count; index++) {
      const hash = part.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
      root.push(hash);
      leaves.push({ first: node.first + index, count: 1, hash });
    }
    this.#compare(node, root.root());
    this.#nodes.push(...leaves.reverse());
  }

  #checkLeaf(node: Node, part: Uint8Array): void {
    this.#compare(node, this.#tree.leaf(part));
    this.#leaf = part;
    this.#leafStart = node.first * STORAGE_LEAF_BYTES;
  }

  #compare({ first, count, hash }: Node, actual: Uint8Array): void {
    if (sameHash(hash, actual)) return;
    const { id } = this.#terms;
    const what = count === 1 ? `Leaf ${first}` : `The proof of the leaves ${first} to ${first + count - 1}`;
    throw new OapError(SdkReject.blob_unverified, { message: `${what} of ${id} is not what the id says.`, detail: { id, leaf: first } });
  }

  #malformed(what: string): OapError {
    return new OapError(Reject.bad_response, { message: `The proof of ${this.#terms.id} ${what}.` });
  }
}
