import { SortedKeys } from './sorted-keys.ts';
import type { Entry, Key } from './store.ts';

/** What lies below a memtable, and has what was not written lately. */
export interface Base {
  get(key: Key): Uint8Array | undefined;
  range(from: Key, below: Key, limit: number): Entry[];
}

/** What the newest writes made of one key. */
export interface Change {
  /** Undefined: removed, which hides what the base has. */
  value: Uint8Array | undefined;
  /** The base has no such key, so that removing it leaves nothing to hide. */
  readonly fresh: boolean;
  /** It stands in a commit; nothing outside of this process knows it before. */
  committed: boolean;
  /** It is among the writes of the commit to come. */
  pending: boolean;
}

/** What a write takes in a commit beside its key and value, at most. */
const WRITE_OVERHEAD_BYTES = 8;

/**
 * The newest writes over a base. A key that came and went between two
 * checkpoints never reaches the base, and one that came and went between two
 * commits is not even committed.
 */
export class Memtable {
  readonly #base: Base;
  readonly #changes = new Map<Key, Change>();
  readonly #order = new SortedKeys();
  /** Keys written since the last commit; of those that came and went since then there is no change any more. */
  #pending: Key[] = [];
  #writtenBytes = 0;
  #bytes = 0;

  constructor(base: Base) {
    this.#base = base;
  }

  /** Keys that differ from the base. */
  get size(): number {
    return this.#changes.size;
  }

  /** About what is held in memory. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: Key): Uint8Array | undefined {
    const change = this.#changes.get(key);
    return change === undefined ? this.#base.get(key) : change.value;
  }

  insert(key: Key, value: Uint8Array): void {
    const change = this.#changes.get(key);
    if (change === undefined) this.#add(key, value, true);
    else this.#set(key, change, value);
  }

  put(key: Key, value: Uint8Array): void {
    const change = this.#changes.get(key);
    if (change === undefined) this.#add(key, value, false);
    else this.#set(key, change, value);
  }

  remove(key: Key): void {
    const change = this.#changes.get(key);
    if (change === undefined) {
      this.#add(key, undefined, false);
    } else if (change.fresh && !change.committed) {
      // It was never told to anybody. The pending list finds nothing under its name.
      this.#forget(key, change);
    } else {
      this.#set(key, change, undefined);
    }
  }

  range(from: Key, below: Key, limit: number): Entry[] {
    const entries: Entry[] = [];
    const own = this.#order.from(from);
    let next = own.next().value;
    let basis = this.#base.range(from, below, limit);
    let at = 0;
    while (entries.length < limit) {
      const ownKey = next !== undefined && next < below ? next : undefined;
      const entry = basis[at];
      if (ownKey !== undefined && (entry === undefined || ownKey <= entry.key)) {
        if (ownKey === entry?.key) at++;
        const value = this.#changes.get(ownKey)?.value;
        if (value !== undefined) entries.push({ key: ownKey, value });
        next = own.next().value;
      } else if (entry !== undefined) {
        entries.push(entry);
        at++;
      } else {
        break;
      }
      // Some of what the base gave was hidden, so that there may be more of it.
      if (at === basis.length && basis.length === limit && entries.length < limit) {
        basis = this.#base.range(`${(basis[at - 1] as Entry).key}\0`, below, limit);
        at = 0;
      }
    }
    return entries;
  }

  /** The writes since the last commit, each key once; the caller then calls `committed`. */
  *pending(): Generator<{ key: Key; value: Uint8Array | undefined }, undefined> {
    for (const key of this.#pending) {
      const change = this.#changes.get(key);
      if (change?.pending === true) yield { key, value: change.value };
    }
    return undefined;
  }

  /** About the bytes of the pending writes, in an upper bound. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The pending writes are durable. */
  committed(): void {
    for (const key of this.#pending) {
      const change = this.#changes.get(key);
      if (change?.pending !== true) continue;
      change.pending = false;
      change.committed = true;
      // The log has both the coming and the going: the base never needs to hear of it.
      if (change.fresh && change.value === undefined) this.#forget(key, change);
    }
    this.#pending = [];
    this.#writtenBytes = 0;
  }

  /** Everything that differs from the base, in no order. */
  changes(): Iterable<[Key, Change]> {
    return this.#changes;
  }

  /** The base has it all now. */
  clear(): void {
    this.#changes.clear();
    this.#order.clear();
    this.#pending = [];
    this.#writtenBytes = 0;
    this.#bytes = 0;
  }

  #add(key: Key, value: Uint8Array | undefined, fresh: boolean): void {
    this.#changes.set(key, { value, fresh, committed: false, pending: true });
    this.#order.add(key);
    this.#pending.push(key);
    this.#bytes += key.length + (value?.length ?? 0);
    this.#writtenBytes += WRITE_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
  }

  #set(key: Key, change: Change, value: Uint8Array | undefined): void {
    this.#bytes += (value?.length ?? 0) - (change.value?.length ?? 0);
    change.value = value;
    this.#writtenBytes += WRITE_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
    if (change.pending) return;
    change.pending = true;
    this.#pending.push(key);
  }

  #forget(key: Key, change: Change): void {
    this.#changes.delete(key);
    this.#order.delete(key);
    this.#bytes -= key.length + (change.value?.length ?? 0);
  }
}
