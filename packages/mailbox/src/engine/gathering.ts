import { GATHER_SHARE } from '../limits.ts';

/**
 * Decides how long the next commit waits for company. Those who have just been
 * answered ask for something next, and what comes too late for a commit waits
 * for all of it; so a commit waits for them, for a part of the time that the
 * last one took. Whoever asks alone is the one that is awaited, and waits for
 * nobody.
 */
export class Gathering {
  #begunAt = 0;
  #endsAt = 0;
  #answered = 0;
  #awaited = 0;

  /** A commit begins. */
  begin(nowMs: number): void {
    this.#begunAt = nowMs;
  }

  /** Somebody got an answer after which most have something to ask for. */
  answered(): void {
    this.#answered++;
  }

  /** The commit is done, and all its answers are passed on. */
  end(nowMs: number): void {
    this.#awaited = this.#answered;
    this.#answered = 0;
    this.#endsAt = nowMs + (nowMs - this.#begunAt) * GATHER_SHARE;
  }

  /** A request came. */
  asked(): void {
    this.#awaited--;
  }

  /** For how long it is of use to wait, milliseconds; 0 or less: not at all. */
  leftMs(nowMs: number): number {
    return this.#awaited > 0 ? this.#endsAt - nowMs : 0;
  }
}
