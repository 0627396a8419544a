import { WINDOW_MESSAGES } from '../limits.ts';
import type { Entry, Key, Store } from '../store/store.ts';

/**
 * The first ready messages of a topic, in the order of delivery, so that a
 * delivery does not search the store. It may know of fewer than there are, but
 * of none that is behind one it does not know.
 */
export class ReadyWindow {
  #entries: Entry[];
  /** Entries before this one were taken. */
  #head = 0;
  /** Nothing is ready that is not here. */
  #complete: boolean;

  private constructor(entries: Entry[], complete: boolean) {
    this.#entries = entries;
    this.#complete = complete;
  }

  /** That of a topic without ready messages. */
  static empty(): ReadyWindow {
    return new ReadyWindow([], true);
  }

  /** Reads the first of a range of ready messages. */
  static fill(store: Store, from: Key, below: Key): ReadyWindow {
    const entries = store.range(from, below, WINDOW_MESSAGES);
    return new ReadyWindow(entries, entries.length < WINDOW_MESSAGES);
  }

  /** Whether the store has to be asked for more. */
  get exhausted(): boolean {
    return this.#head === this.#entries.length && !this.#complete;
  }

  /** Removes and returns the first. */
  take(): Entry | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head++;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= WINDOW_MESSAGES) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    return entry;
  }

  /** A message became ready. */
  add(entry: Entry): void {
    const entries = this.#entries;
    const last = entries.at(-1);
    if (last === undefined || entry.key > last.key) {
      if (!this.#complete) return;
      entries.push(entry);
    } else {
      entries.splice(this.#indexOf(entry.key), 0, entry);
    }
    if (entries.length - this.#head > 2 * WINDOW_MESSAGES) {
      entries.length = this.#head + WINDOW_MESSAGES;
      this.#complete = false;
    }
  }

  /** A message is ready no longer. */
  remove(key: Key): void {
    const at = this.#indexOf(key);
    if (this.#entries[at]?.key === key) this.#entries.splice(at, 1);
  }

  #indexOf(key: Key): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle] as Entry).key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
