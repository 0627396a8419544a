import {
  ACK_REQUESTS_PER_SECOND_MAX,
  ERROR_FRAMES_PER_SECOND_MAX,
  GLITCH_WINDOW_MS,
  GLITCHES_MAX,
  YOUNG_CANCEL_MS,
  YOUNG_CANCELS_MAX,
} from '../limits.ts';

/** Counts in a window that begins with the first event after the last one ended. */
class WindowCounter {
  readonly #windowMs: number;
  #since = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Books one event and returns how many the window has now. */
  add(nowMs: number): number {
    if (nowMs - this.#since >= this.#windowMs) {
      this.#since = nowMs;
      this.#count = 0;
    }
    return ++this.#count;
  }
}

/** What one connection did wrong lately (specs/oap-1.md §8.3). Made with the first fault. */
export class Misbehaviour {
  readonly #glitches = new WindowCounter(GLITCH_WINDOW_MS);
  readonly #errorFrames = new WindowCounter(1_000);
  readonly #youngCancels = new WindowCounter(YOUNG_CANCEL_MS);
  readonly #needlessAckRequests = new WindowCounter(1_000);
  /** Continuations of unknown corr_ids answered so far. */
  unknownCorrAnswers = 0;

  /** Books a fault; true when the peer has used up its budget. */
  glitch(nowMs: number): boolean {
    return this.#glitches.add(nowMs) >= GLITCHES_MAX;
  }

  /** Whether one more error frame for a fault may be sent in this second. */
  mayAnswer(nowMs: number): boolean {
    return this.#errorFrames.add(nowMs) <= ERROR_FRAMES_PER_SECOND_MAX;
  }

  /** Books a CANCEL; true when there are too many of requests that had hardly begun. */
  youngCancel(nowMs: number): boolean {
    return this.#youngCancels.add(nowMs) >= YOUNG_CANCELS_MAX;
  }

  /** Books an ACK_REQ that had nothing to give back; true when there are too many. */
  needlessAckRequest(nowMs: number): boolean {
    return this.#needlessAckRequests.add(nowMs) > ACK_REQUESTS_PER_SECOND_MAX;
  }
}
