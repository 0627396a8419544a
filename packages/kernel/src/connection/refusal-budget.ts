import type { Clock } from '../clock.ts';
import { REFUSAL_MOMENT_MS, REFUSAL_ROUND_MOMENTS, REFUSALS_PER_MOMENT_MAX } from '../limits.ts';
import type { Metrics } from '../metrics.ts';

/** A connection that was refused more often than there is time for. */
export interface Resting {
  /** It is its turn: it reads on until it is refused too often again. */
  wake(): void;
}

/**
 * How often the node makes retryable refusals, over all connections of a server.
 * One costs about as much as a small request, and a caller that does not wait is
 * back at once: without a bound the node would spend its time on reading what it
 * refuses (docs/adr/0006). A connection beyond the budget is not read until its
 * turn comes, so that what is too much waits with those who send it.
 */
export class RefusalBudget {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  /** In the order in which they came to rest. */
  readonly #queue = new Set<Resting>();
  /** Refusals that may be made now; below zero when connections that were woken made more. */
  #left = REFUSALS_PER_MOMENT_MAX;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #servedMs = Number.NEGATIVE_INFINITY;
  /** The same for the one that is being woken; no bound while none is. */
  #leftInTurn = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Books a refusal; false when its connection should rest. */
  spend(nowMs: number): boolean {
    this.#begin(nowMs);
    this.#left--;
    this.#leftInTurn--;
    return this.#left >= 0 && this.#leftInTurn >= 0;
  }

  /** Puts a connection at the end of the queue. */
  rest(connection: Resting): void {
    this.#queue.add(connection);
    this.#counted();
  }

  /** The connection is of no interest any more. */
  forget(connection: Resting): void {
    if (this.#queue.delete(connection)) this.#counted();
  }

  /**
   * Begins a moment if the one before is over. Nothing is saved: where a turn of
   * the loop takes long, because of its work or for want of a CPU, refusals get the
   * same part of it.
   */
  #begin(nowMs: number): void {
    const moments = (nowMs - this.#sinceMs) / REFUSAL_MOMENT_MS;
    if (moments < 1) return;
    this.#sinceMs = nowMs;
    this.#left = Math.min(REFUSALS_PER_MOMENT_MAX, this.#left + moments * REFUSALS_PER_MOMENT_MAX);
  }

  /** Gives turns to those that waited longest; the more wait, and the slower the loop is, the shorter each turn. */
  readonly #serve = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    this.#begin(nowMs);
    const moments = Math.max(1, (nowMs - this.#servedMs) / REFUSAL_MOMENT_MS);
    this.#servedMs = nowMs;
    const queue = this.#queue;
    const share = Math.floor((REFUSALS_PER_MOMENT_MAX * REFUSAL_ROUND_MOMENTS) / (queue.size * moments));
    const perTurn = Math.max(1, Math.min(REFUSALS_PER_MOMENT_MAX, share));
    // Most have nothing more at hand and are refused once they have read; so turns count as well.
    let turns = Math.min(queue.size, REFUSALS_PER_MOMENT_MAX);
    for (const connection of queue) {
      queue.delete(connection);
      this.#leftInTurn = perTurn;
      connection.wake();
      if (--turns <= 0 || this.#left <= 0) break;
    }
    this.#leftInTurn = Number.POSITIVE_INFINITY;
    this.#counted();
  };

  /** The queue changed. */
  #counted(): void {
    const resting = this.#queue.size;
    this.#metrics.connectionsResting = resting;
    if (resting > 0) {
      this.#timer ??= setTimeout(this.#serve, REFUSAL_MOMENT_MS);
    } else {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    }
  }
}
