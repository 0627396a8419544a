import { KEEPALIVE_ANSWER_MS, KEEPALIVE_MS_MAX } from './limits.ts';

/** What is to be done about a silent node. */
export type SignOfLife = 'enough' | 'ask' | 'dead';

/**
 * Asks a silent node for a sign of life, well before its idle timeout, and gives
 * up on one that stays silent. Times are monotonic milliseconds.
 */
export class KeepAlive {
  /** When something arrived last. */
  readAt: number;
  /** When `check()` is to be called next. */
  dueAt: number;

  readonly #intervalMs: number;
  readonly #answerMs: number;
  #askedAt = 0;

  constructor(idleTimeoutMs: number, nowMs: number) {
    this.#intervalMs = Math.min(KEEPALIVE_MS_MAX, Math.ceil(idleTimeoutMs / 3));
    this.#answerMs = Math.min(KEEPALIVE_ANSWER_MS, this.#intervalMs);
    this.readAt = nowMs;
    this.dueAt = nowMs + this.#intervalMs;
  }

  /** What to do at `nowMs`; on `ask` a PING is sent. */
  check(nowMs: number): SignOfLife {
    const isAsked = this.#askedAt > this.readAt;
    if (isAsked && nowMs >= this.#askedAt + this.#answerMs) return 'dead';
    const asks = !isAsked && nowMs >= this.readAt + this.#intervalMs;
    if (asks) this.#askedAt = nowMs;
    this.dueAt = isAsked || asks ? this.#askedAt + this.#answerMs : this.readAt + this.#intervalMs;
    return asks ? 'ask' : 'enough';
  }
}
