import { loadBlake3 } from './blake3.ts';
import type { Blake3 } from './blake3.ts';
import { BlobTree } from './blob-tree.ts';

/** What ids are computed with. */
export interface Hashing {
  readonly blake3: Blake3;
  readonly tree: BlobTree;
}

let loaded: Promise<Hashing> | undefined;

/** Loaded when it is first needed: most clients never store anything. */
export function loadHashing(): Promise<Hashing> {
  loaded ??= loadBlake3().then((blake3) => ({ blake3, tree: new BlobTree(blake3) }));
  return loaded;
}
