import { decodeSlot } from '../codec/slot.ts';
import type { Slot } from '../codec/slot.ts';
import { HANDY_BYTES, WINDOW_MESSAGES } from '../limits.ts';
import type { Key, Store } from '../store/store.ts';

/** A ready message at hand. */
export interface ReadyMessage {
  readonly key: Key;
  readonly slot: Slot;
  /** The message as it was stored, when it came lately; else the store has to be asked. */
  readonly stored: Uint8Array | undefined;
}

/** What all windows together keep of messages themselves. */
export class HandyMemory {
  #bytes = 0;

  /** False when there is no room for so many bytes more. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > HANDY_BYTES) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/**
 * The first ready messages of a topic, in the order of delivery, so that a
 * delivery does not search the store. It may know of fewer than there are, but
 * of none that is behind one it does not know.
 */
export class ReadyWindow {
  readonly #memory: HandyMemory;
  #messages: ReadyMessage[];
  /** Messages before this one were taken. */
  #head = 0;
  /** Nothing is ready that is not here. */
  #complete: boolean;
  /** Where to go on when all that is here was taken: nothing is ready before it. The store keeps marks of what was, and passing over them takes time. */
  #resumeAt: Key;

  private constructor(memory: HandyMemory, messages: ReadyMessage[], complete: boolean, from: Key) {
    this.#memory = memory;
    this.#messages = messages;
    this.#complete = complete;
    this.#resumeAt = from;
  }

  /** That of a topic without ready messages. */
  static empty(memory: HandyMemory, from: Key): ReadyWindow {
    return new ReadyWindow(memory, [], true, from);
  }

  /** Reads the first of a range of ready messages. */
  static fill(memory: HandyMemory, store: Store, from: Key, below: Key): ReadyWindow {
    const messages = store.range(from, below, WINDOW_MESSAGES).map(({ key, value }) => ({ key, slot: decodeSlot(value), stored: undefined }));
    return new ReadyWindow(memory, messages, messages.length < WINDOW_MESSAGES, from);
  }

  /** Whether the store has to be asked for more. */
  get exhausted(): boolean {
    return this.#head === this.#messages.length && !this.#complete;
  }

  /** When it is exhausted: nothing is ready before this key. */
  get resumeAt(): Key {
    return this.#resumeAt;
  }

  /** Removes and returns the first. */
  take(): ReadyMessage | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    this.#head++;
    this.#forget(message);
    if (this.#head === this.#messages.length) {
      this.#resumeAt = message.key;
      this.#messages = [];
      this.#head = 0;
    } else if (this.#head >= WINDOW_MESSAGES) {
      this.#messages.splice(0, this.#head);
      this.#head = 0;
    }
    return message;
  }

  /**
   * A message became ready.
   *
   * @param stored the message as it is stored, when that is known; its bytes are those that were written
   */
  add(key: Key, slot: Slot, stored: Uint8Array | undefined): void {
    const messages = this.#messages;
    const last = messages.at(-1);
    const isLast = last === undefined || key > last.key;
    if (isLast && !this.#complete) {
      if (last === undefined && key < this.#resumeAt) this.#resumeAt = key;
      return;
    }
    const kept = stored !== undefined && this.#memory.take(stored.length) ? stored : undefined;
    if (isLast) messages.push({ key, slot, stored: kept });
    else messages.splice(this.#indexOf(key), 0, { key, slot, stored: kept });
    if (messages.length - this.#head > 2 * WINDOW_MESSAGES) {
      for (const dropped of messages.splice(this.#head + WINDOW_MESSAGES)) this.#forget(dropped);
      this.#complete = false;
    }
  }

  /** A message is ready no longer. */
  remove(key: Key): void {
    const at = this.#indexOf(key);
    if (this.#messages[at]?.key !== key) return;
    for (const removed of this.#messages.splice(at, 1)) this.#forget(removed);
  }

  /** The window is of no use any more. */
  drop(): void {
    for (const message of this.#messages.splice(this.#head)) this.#forget(message);
  }

  /** The memory of a message is no longer the window's. */
  #forget({ stored }: ReadyMessage): void {
    if (stored !== undefined) this.#memory.give(stored.length);
  }

  #indexOf(key: Key): number {
    let low = this.#head;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#messages[middle] as ReadyMessage).key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
