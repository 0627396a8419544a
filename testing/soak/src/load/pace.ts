import { DEBT_MS, IN_FLIGHT_MAX, TICK_MS } from '../bounds.ts';

/** Begins steps at a rate, whether earlier ones have ended or not, up to a bound. */
export class Pace {
  /** Steps that were due, and not begun. */
  skipped = 0;
  readonly #step: () => Promise<void>;
  readonly #perMs: number;
  readonly #underWay = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #due = 0;
  #lastMs = performance.now();

  /** @param step must not reject */
  constructor(ratePerSecond: number, step: () => Promise<void>) {
    this.#step = step;
    this.#perMs = ratePerSecond / 1_000;
    this.#timer = setInterval(() => {
      this.#tick();
    }, TICK_MS);
  }

  /** Resolves when what was begun has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#due += (nowMs - this.#lastMs) * this.#perMs;
    this.#lastMs = nowMs;
    while (this.#due >= 1 && this.#underWay.size < IN_FLIGHT_MAX) {
      this.#due--;
      const step = this.#step().finally(() => {
        this.#underWay.delete(step);
      });
      this.#underWay.add(step);
    }
    const debt = Math.floor(this.#due - DEBT_MS * this.#perMs);
    if (debt <= 0) return;
    this.#due -= debt;
    this.skipped += debt;
  }
}
