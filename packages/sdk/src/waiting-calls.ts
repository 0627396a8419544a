import type { Exchange } from './exchange.ts';
import { WAITING_BYTES_MAX, WAITING_CALLS_MAX } from './limits.ts';

/** Exchanges that are not in flight, first in, first out; bounded in count and bytes. */
export class WaitingCalls {
  /** Exchanges that wait. */
  size = 0;
  #bytes = 0;
  /** With holes where an exchange left before its turn. */
  #queue: Exchange[] = [];
  #first = 0;

  /** Appends an exchange; false when the queue is full. */
  push(exchange: Exchange): boolean {
    const bytes = exchange.request?.length ?? 0;
    if (this.size >= WAITING_CALLS_MAX || (this.size > 0 && this.#bytes + bytes > WAITING_BYTES_MAX)) return false;
    if (this.#queue.length > 2 * this.size + 64) this.#compact();
    exchange.waiting = true;
    this.#queue.push(exchange);
    this.size++;
    this.#bytes += bytes;
    return true;
  }

  /** The exchange whose turn it is. */
  peek(): Exchange | undefined {
    while (this.#first < this.#queue.length && this.#queue[this.#first]?.waiting === false) this.#first++;
    return this.#queue[this.#first];
  }

  /** Takes an exchange out, wherever it stands. */
  remove(exchange: Exchange): void {
    if (!exchange.waiting) return;
    exchange.waiting = false;
    this.size--;
    this.#bytes -= exchange.request?.length ?? 0;
    if (this.size === 0) {
      this.#queue = [];
      this.#first = 0;
    }
  }

  /** All of them in order, as a copy. */
  all(): Exchange[] {
    return this.#queue.slice(this.#first).filter(({ waiting }) => waiting);
  }

  #compact(): void {
    this.#queue = this.all();
    this.#first = 0;
  }
}
