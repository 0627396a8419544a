import { UNORDERED_KEYS } from '../limits.ts';
import { SortedKeys } from './sorted-keys.ts';
import type { Entry, Key } from './store.ts';

/** What lies below a memtable, and has what was not written lately. */
export interface Base {
  get(key: Key): Uint8Array | undefined;
  range(from: Key, below: Key, limit: number): Entry[];
}

/** What the newest writes made of one key. */
export interface Change {
  readonly key: Key;
  /** Undefined: removed, which hides what the base has. */
  value: Uint8Array | undefined;
  /** The base has no such key, so that removing it leaves nothing to hide. */
  readonly fresh: boolean;
  /** It stands in a commit; nothing outside of this process knows it before. */
  committed: boolean;
  /** It is among the writes of the commit to come. */
  pending: boolean;
  /** Its key is among those in order. */
  ordered: boolean;
  /** It came and went. */
  gone: boolean;
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
  /** Not in order yet: most keys go before anybody asks for a range. Those that did are passed over. */
  #unordered: Change[] = [];
  /** Written since the last commit; those that came and went since then are not pending any more. */
  #pending: Change[] = [];
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
    else this.#set(change, value);
  }

  put(key: Key, value: Uint8Array): void {
    const change = this.#changes.get(key);
    if (change === undefined) this.#add(key, value, false);
    else this.#set(change, value);
  }

  remove(key: Key): void {
    const change = this.#changes.get(key);
    if (change === undefined) {
      this.#add(key, undefined, false);
    } else if (change.fresh && !change.committed) {
      // It was never told to anybody.
      change.pending = false;
      this.#forget(change);
    } else {
      this.#set(change, undefined);
    }
  }

  range(from: Key, below: Key, limit: number): Entry[] {
    this.#putInOrder();
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
  pending(): readonly Change[] {
    return this.#pending.filter(({ pending }) => pending);
  }

  /** About the bytes of the pending writes, in an upper bound. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The pending writes are durable. */
  committed(): void {
    for (const change of this.#pending) {
      if (!change.pending) continue;
      change.pending = false;
      change.committed = true;
      // The log has both the coming and the going: the base never needs to hear of it.
      if (change.fresh && change.value === undefined) this.#forget(change);
    }
    this.#pending = [];
    this.#writtenBytes = 0;
  }

  /** Everything that differs from the base, in no order. */
  changes(): Iterable<Change> {
    return this.#changes.values();
  }

  /** The base has it all now. */
  clear(): void {
    this.#changes.clear();
    this.#order.clear();
    this.#unordered = [];
    this.#pending = [];
    this.#writtenBytes = 0;
    this.#bytes = 0;
  }

  #add(key: Key, value: Uint8Array | undefined, fresh: boolean): void {
    const change: Change = { key, value, fresh, committed: false, pending: true, ordered: false, gone: false };
    this.#changes.set(key, change);
    this.#unordered.push(change);
    if (this.#unordered.length > UNORDERED_KEYS) this.#putInOrder();
    this.#pending.push(change);
    const bytes = key.length + (value === undefined ? 0 : value.length);
    this.#bytes += bytes;
    this.#writtenBytes += WRITE_OVERHEAD_BYTES + bytes;
  }

  #set(change: Change, value: Uint8Array | undefined): void {
    const before = change.value === undefined ? 0 : change.value.length;
    const after = value === undefined ? 0 : value.length;
    this.#bytes += after - before;
    change.value = value;
    this.#writtenBytes += WRITE_OVERHEAD_BYTES + change.key.length + after;
    if (change.pending) return;
    change.pending = true;
    this.#pending.push(change);
  }

  #forget(change: Change): void {
    const { key, value } = change;
    this.#changes.delete(key);
    if (change.ordered) this.#order.delete(key);
    change.gone = true;
    this.#bytes -= key.length + (value === undefined ? 0 : value.length);
  }

  #putInOrder(): void {
    if (this.#unordered.length === 0) return;
    const there = this.#unordered.filter(({ gone }) => !gone);
    this.#unordered = [];
    // Neighbours come to the same chunk.
    there.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const change of there) {
      change.ordered = true;
      this.#order.add(change.key);
    }
  }
}
