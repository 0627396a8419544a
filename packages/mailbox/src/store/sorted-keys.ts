import { SORTED_CHUNK_KEYS } from '../limits.ts';

/**
 * A set of binary strings in order: sorted chunks of bounded size, so that adding
 * and deleting move few of them however many there are.
 */
export class SortedKeys {
  #chunks: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The smallest. */
  get first(): string | undefined {
    return this.#chunks[0]?.[0];
  }

  /** Adds a key that is not in the set. */
  add(key: string): void {
    this.#size++;
    const chunks = this.#chunks;
    const last = chunks.at(-1);
    if (last === undefined) {
      chunks.push([key]);
      return;
    }
    // Most keys carry a time and go to an end.
    const at = key > (last.at(-1) as string) ? chunks.length - 1 : this.#chunkOf(key);
    const chunk = chunks[at] as string[];
    if (chunk.length > 0 && key > (chunk.at(-1) as string)) chunk.push(key);
    else chunk.splice(lowerBound(chunk, key), 0, key);
    if (chunk.length > SORTED_CHUNK_KEYS) {
      // A full chunk at the end is left full: what follows will go behind it.
      const cut = at === chunks.length - 1 ? chunk.length - 1 : chunk.length >> 1;
      chunks.splice(at + 1, 0, chunk.splice(cut));
    }
  }

  /** Deletes a key; false when it is not in the set. */
  delete(key: string): boolean {
    const chunks = this.#chunks;
    const at = this.#chunkOf(key);
    const chunk = chunks[at];
    if (chunk === undefined) return false;
    const index = chunk[0] === key ? 0 : lowerBound(chunk, key);
    if (chunk[index] !== key) return false;
    if (index === 0) chunk.shift();
    else chunk.splice(index, 1);
    if (chunk.length === 0) chunks.splice(at, 1);
    this.#size--;
    return true;
  }

  /** Keys from `from`, included, in order. */
  *from(from: string): Generator<string, undefined> {
    const chunks = this.#chunks;
    for (let at = this.#chunkOf(from); at < chunks.length; at++) {
      const chunk = chunks[at] as string[];
      for (let index = lowerBound(chunk, from); index < chunk.length; index++) yield chunk[index] as string;
    }
    return undefined;
  }

  clear(): void {
    this.#chunks = [];
    this.#size = 0;
  }

  /** The first chunk whose last key is not below `key`; the last chunk when there is none. */
  #chunkOf(key: string): number {
    const chunks = this.#chunks;
    let low = 0;
    let high = chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((chunks[middle] as string[]).at(-1) as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Index of the first key that is not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
