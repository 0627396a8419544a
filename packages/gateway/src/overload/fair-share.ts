import { SHED_BATCH_PERCENT, SHED_EVENTS_PERCENT } from '../limits.ts';

/** What a message is to whoever sent it; lower ones are refused first. */
export const Urgency = { EVENT: 0, BATCH: 1, INTERACTIVE: 2 } as const;
export type Urgency = (typeof Urgency)[keyof typeof Urgency];

/**
 * A limit on requests in flight that many parties share. Messages that nobody
 * waits for stop short of it. At the limit whoever has less than an equal part
 * still gets in, so that a party that fills it all makes room by its own
 * requests ending, and not at the cost of those that just came.
 */
export class FairShare {
  /** Requests in flight, of all parties. */
  inflight = 0;
  /** Most of them since `peak` was set to 0. */
  peak = 0;
  /** Parties with at least one. */
  parties = 0;
  #limit = 0;
  #limitOfEvents = 0;
  #limitOfBatch = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#limit = Math.floor(limit);
    this.#limitOfEvents = Math.floor((limit * SHED_EVENTS_PERCENT) / 100);
    this.#limitOfBatch = Math.floor((limit * SHED_BATCH_PERCENT) / 100);
  }

  /** Whether any message could be refused; false is all that most messages ask. */
  get tight(): boolean {
    return this.inflight >= this.#limitOfEvents;
  }

  /** @param own requests that the party has in flight */
  admits(urgency: Urgency, own: number): boolean {
    const { inflight } = this;
    if (urgency === Urgency.EVENT) return inflight < this.#limitOfEvents;
    if (urgency === Urgency.BATCH) return inflight < this.#limitOfBatch;
    if (inflight < this.#limit) return true;
    // One party after the other can fill its part above the limit, which comes to as much again at most.
    return inflight < 2 * this.#limit && own < Math.max(1, this.#limit / (this.parties + (own === 0 ? 1 : 0)));
  }

  /** @param own requests that the party has in flight now, this one included */
  began(own: number): void {
    if (++this.inflight > this.peak) this.peak = this.inflight;
    if (own === 1) this.parties++;
  }

  /** @param own requests that the party still has in flight */
  ended(own: number): void {
    this.inflight--;
    if (own === 0) this.parties--;
  }
}
