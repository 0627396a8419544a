import { LRUCache } from 'lru-cache';
import { TREES_CACHED_BYTES_MAX } from '../limits.ts';
import type { Levels } from '../tree/merkle.ts';

/** Which part of the tree of a blob: a segment, or what is above the segments. */
type TreePart = number | 'top';

/** What one entry costs beside its hashes. */
const ENTRY_BYTES = 512;

/** Parts of trees that were checked against their root, for further reads. */
export class TreeCache {
  readonly #parts = new LRUCache<string, Levels>({
    maxSize: TREES_CACHED_BYTES_MAX,
    sizeCalculation: (levels) => levels.bytes + ENTRY_BYTES,
  });

  get(object: string, part: TreePart): Levels | undefined {
    return this.#parts.get(`${object}/${part}`);
  }

  set(object: string, part: TreePart, levels: Levels): void {
    this.#parts.set(`${object}/${part}`, levels);
  }
}
