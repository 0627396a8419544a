import type { Exchange } from './exchange.ts';
import { WAITING_BYTES_MAX, WAITING_CALLS_MAX } from './limits.ts';

/** Exchanges that are not in flight, first in, first out; bounded in count and bytes. */
export class WaitingCalls {
  /** Exchanges that wait. */
  size = 0;
  #bytes = 0;
  #turns = 0;
  readonly #short = new Line();
  readonly #bulk = new Line();

  /** Appends an exchange; false when the queue is full. */
  push(exchange: Exchange): boolean {
    const bytes = exchange.request?.length ?? 0;
    if (this.size >= WAITING_CALLS_MAX || (this.size > 0 && this.#bytes + bytes > WAITING_BYTES_MAX)) return false;
    exchange.waiting = true;
    exchange.turn = ++this.#turns;
    this.#lineOf(exchange).push(exchange);
    this.size++;
    this.#bytes += bytes;
    return true;
  }

  /** The exchange whose turn it is. */
  peek(): Exchange | undefined {
    const short = this.#short.peek();
    const bulk = this.#bulk.peek();
    if (short === undefined || bulk === undefined) return short ?? bulk;
    return short.turn < bulk.turn ? short : bulk;
  }

  /** The first exchange that is not bulk: it may pass bulk whose turn it is. */
  peekShort(): Exchange | undefined {
    return this.#short.peek();
  }

  /** Takes an exchange out, wherever it stands. */
  remove(exchange: Exchange): void {
    if (!exchange.waiting) return;
    exchange.waiting = false;
    this.#lineOf(exchange).left();
    this.size--;
    this.#bytes -= exchange.request?.length ?? 0;
  }

  /** All of them, as a copy: short ones in order, then bulk in order. */
  all(): Exchange[] {
    return [...this.#short.all(), ...this.#bulk.all()];
  }

  #lineOf(exchange: Exchange): Line {
    return exchange.bulk ? this.#bulk : this.#short;
  }
}

/** One line of exchanges, with holes where one left before its turn. */
class Line {
  #size = 0;
  #queue: Exchange[] = [];
  #first = 0;

  push(exchange: Exchange): void {
    if (this.#queue.length > 2 * this.#size + 64) this.#reset(this.all());
    this.#queue.push(exchange);
    this.#size++;
  }

  peek(): Exchange | undefined {
    while (this.#first < this.#queue.length && this.#queue[this.#first]?.waiting === false) this.#first++;
    return this.#queue[this.#first];
  }

  /** One of them waits no longer. */
  left(): void {
    this.#size--;
    if (this.#size === 0) this.#reset([]);
  }

  all(): Exchange[] {
    return this.#queue.slice(this.#first).filter(({ waiting }) => waiting);
  }

  #reset(queue: Exchange[]): void {
    this.#queue = queue;
    this.#first = 0;
  }
}
