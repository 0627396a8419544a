import { YOUNG_CANCEL_MS, YOUNG_CANCELS_MAX } from './limits.ts';

/**
 * Decides which exchanges may be cancelled now. A node takes many CANCELs of
 * young requests for a rapid reset and closes the connection (specs/oap-1.md
 * §8.4), which a burst of deadlines must not bring about. Beyond the budget a
 * CANCEL waits until its request is old enough.
 */
export class CancelPacer {
  /** Half of what may pass in a second, since a burst and the refill behind it can fall into the same one. */
  #budget = YOUNG_CANCELS_MAX / 2;
  #filledAt = 0;

  /** Whether an exchange sent at `sentAt` may be cancelled at `nowMs`; takes from the budget if it is young. */
  allows(sentAt: number, nowMs: number): boolean {
    if (nowMs - sentAt >= YOUNG_CANCEL_MS) return true;
    const half = YOUNG_CANCELS_MAX / 2;
    this.#budget = Math.min(half, this.#budget + ((nowMs - this.#filledAt) * half) / 1_000);
    this.#filledAt = nowMs;
    if (this.#budget < 1) return false;
    this.#budget -= 1;
    return true;
  }
}
