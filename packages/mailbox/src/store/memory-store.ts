import { Memtable } from './memtable.ts';
import type { Entry, Key, Store } from './store.ts';

const NOTHING = { get: () => undefined, range: () => [] };

/** A store that survives nothing: for tests, and for nodes that are told to keep nothing. */
export class MemoryStore implements Store {
  readonly durability = 'memory';
  hasRoom = true;
  readonly #table = new Memtable(NOTHING);

  get writtenBytes(): number {
    return this.#table.writtenBytes;
  }

  get(key: Key): Uint8Array | undefined {
    return this.#table.get(key);
  }

  range(from: Key, below: Key, limit: number): Entry[] {
    return this.#table.range(from, below, limit);
  }

  insert(key: Key, value: Uint8Array): void {
    this.#table.insert(key, value);
  }

  put(key: Key, value: Uint8Array): void {
    this.#table.put(key, value);
  }

  remove(key: Key): void {
    this.#table.remove(key);
  }

  commit(): void {
    this.#table.committed();
  }

  close(): void {
    // Whoever opens it again finds what was committed.
  }
}
