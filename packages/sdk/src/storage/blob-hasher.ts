import { STORAGE_LEAF_BYTES } from '../limits.ts';
import type { Blake3, Blake3Hasher } from './blake3.ts';
import { aliasText, idText } from './blob-id.ts';
import type { Chunks } from './blob-source.ts';
import { BlobTree, RootBuilder } from './blob-tree.ts';

/** What a blob is called, and how long it is. */
export interface BlobIdentity {
  readonly id: string;
  readonly b3: string;
  readonly sizeBytes: number;
}

/** Id and alias of bytes that come piece by piece. */
export class BlobHasher {
  readonly #tree: BlobTree;
  readonly #root: RootBuilder;
  readonly #alias: Blake3Hasher;
  /** The beginning of a leaf whose end did not come yet. */
  readonly #leaf = new Uint8Array(STORAGE_LEAF_BYTES);
  #leafBytes = 0;
  #sizeBytes = 0;

  private constructor(blake3: Blake3, alias: Blake3Hasher) {
    this.#tree = new BlobTree(blake3);
    this.#root = new RootBuilder(this.#tree);
    this.#alias = alias;
  }

  static async create(blake3: Blake3): Promise<BlobHasher> {
    return new BlobHasher(blake3, await blake3.hasher());
  }

  update(bytes: Uint8Array): void {
    this.#alias.update(bytes);
    this.#sizeBytes += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      if (this.#leafBytes === 0 && bytes.length - at >= STORAGE_LEAF_BYTES) {
        this.#root.push(this.#tree.leaf(bytes.subarray(at, at + STORAGE_LEAF_BYTES)));
        at += STORAGE_LEAF_BYTES;
        continue;
      }
      const piece = bytes.subarray(at, at + STORAGE_LEAF_BYTES - this.#leafBytes);
      this.#leaf.set(piece, this.#leafBytes);
      this.#leafBytes += piece.length;
      at += piece.length;
      if (this.#leafBytes === STORAGE_LEAF_BYTES) this.#endLeaf();
    }
  }

  /** All bytes of a source. */
  async updateAll(source: Chunks): Promise<void> {
    for await (const chunk of source) this.update(chunk);
  }

  /** The identity of all that came; the hasher must not be used afterwards. */
  finish(): BlobIdentity {
    if (this.#leafBytes > 0) this.#endLeaf();
    const sizeBytes = this.#sizeBytes;
    return { id: idText(this.#tree.id(sizeBytes, this.#root.root())), b3: aliasText(this.#alias.digest()), sizeBytes };
  }

  #endLeaf(): void {
    this.#root.push(this.#tree.leaf(this.#leaf.subarray(0, this.#leafBytes)));
    this.#leafBytes = 0;
  }
}
