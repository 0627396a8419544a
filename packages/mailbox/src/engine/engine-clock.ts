/**
 * The time of the mailbox (specs/mailbox-1.md §1.6): the machine's clock when it
 * starts, or what it was at before when that is later, and from there on a clock
 * that does not jump.
 */
export class EngineClock {
  readonly #startMs: number;
  readonly #startedAt: number;
  readonly #monotonic: () => number;

  /** @param lastMs latest time that was used before */
  constructor(lastMs: number, wall: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#monotonic = monotonic;
    this.#startMs = Math.max(lastMs, wall());
    this.#startedAt = monotonic();
  }

  now(): number {
    return this.#startMs + this.#monotonic() - this.#startedAt;
  }
}
