import { EVENTS_REMEMBERED } from './limits.ts';

/** The corr_ids of the events sent last, so that their refusal can be told from a late error of something else. */
export class SentEvents {
  readonly #corrHi = new Int32Array(EVENTS_REMEMBERED);
  readonly #corrLo = new Int32Array(EVENTS_REMEMBERED);
  #at = 0;

  add(corrHi: number, corrLo: number): void {
    this.#corrHi[this.#at] = corrHi;
    this.#corrLo[this.#at] = corrLo;
    this.#at = (this.#at + 1) % EVENTS_REMEMBERED;
  }

  has(corrHi: number, corrLo: number): boolean {
    for (let at = 0; at < EVENTS_REMEMBERED; at++) {
      if (this.#corrLo[at] === corrLo && this.#corrHi[at] === corrHi) return true;
    }
    return false;
  }
}
