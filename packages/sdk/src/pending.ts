import { PENDING_SLOTS_INITIAL } from './limits.ts';

/** What the table knows of its entries: their corr_id, which it gives them. */
export interface Pending {
  corrHi: number;
  corrLo: number;
}

/**
 * Requests in flight on one connection, and the source of their corr_ids.
 *
 * corr_ids count upwards and are never reused (specs/oap-1.md §6.3), and their
 * low bits are the slot: a look-up is one array access and two comparisons of
 * integers. A number whose slot is taken by a request that lives longer is
 * skipped. corr_id 0 is never given: it stands for the connection itself.
 */
export class PendingTable<T extends Pending> {
  /** Entries held. */
  size = 0;

  #slots: (T | undefined)[] = emptySlots(PENDING_SLOTS_INITIAL);
  #mask = PENDING_SLOTS_INITIAL - 1;
  /** The corr_id given last, as signed 32-bit words. */
  #corrHi = 0;
  #corrLo = 0;

  /** Gives `entry` the next corr_id and keeps it. */
  add(entry: T): void {
    if (this.size * 2 > this.#mask) this.#grow();
    const slots = this.#slots;
    const mask = this.#mask;
    do this.#advance();
    while (slots[this.#corrLo & mask] !== undefined);
    entry.corrHi = this.#corrHi;
    entry.corrLo = this.#corrLo;
    slots[this.#corrLo & mask] = entry;
    this.size++;
  }

  /** Gives `entry` the next corr_id without keeping it: nobody waits for an answer. */
  pass(entry: Pending): void {
    this.#advance();
    entry.corrHi = this.#corrHi;
    entry.corrLo = this.#corrLo;
  }

  /** The entry with this corr_id, if it is still held. */
  find(corrHi: number, corrLo: number): T | undefined {
    const entry = this.#slots[corrLo & this.#mask];
    return entry !== undefined && entry.corrLo === corrLo && entry.corrHi === corrHi ? entry : undefined;
  }

  /** Removes an entry; false when it is not held. */
  remove(entry: T): boolean {
    const slot = entry.corrLo & this.#mask;
    if (this.#slots[slot] !== entry) return false;
    this.#slots[slot] = undefined;
    this.size--;
    return true;
  }

  /** All entries, as a copy that stays valid while they are removed. */
  all(): T[] {
    return this.#slots.filter((entry) => entry !== undefined);
  }

  #advance(): void {
    const next = (this.#corrLo + 1) | 0;
    if (next === 0) this.#corrHi = (this.#corrHi + 1) | 0;
    // Zero is passed over in every round, not only where it would be corr_id 0.
    this.#corrLo = next === 0 ? 1 : next;
  }

  /** Entries that differ in the low bits differ in more of them too, so that growing never collides. */
  #grow(): void {
    const before = this.#slots;
    this.#slots = emptySlots(before.length * 2);
    this.#mask = this.#slots.length - 1;
    for (const entry of before) {
      if (entry !== undefined) this.#slots[entry.corrLo & this.#mask] = entry;
    }
  }
}

function emptySlots<T>(count: number): (T | undefined)[] {
  return new Array<T | undefined>(count).fill(undefined);
}
