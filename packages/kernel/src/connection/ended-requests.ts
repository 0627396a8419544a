import { ENDED_REQUESTS_REMEMBERED } from '../limits.ts';

/**
 * The corr_ids that ended last. A CANCEL or CREDIT that crossed the end of its
 * request, or the rest of a stream the node cut off, is no fault of the peer as
 * long as it stays within what the peer was allowed to send.
 */
export class EndedRequests {
  #corrHi: Int32Array | undefined;
  #corrLo: Int32Array | undefined;
  /** Payload bytes, plus one per frame, that may still arrive on each. */
  #allowance: Float64Array | undefined;
  #at = 0;
  #count = 0;

  /** @param allowance what the peer may still have under way: 0 when its message was complete */
  add(corrHi: number, corrLo: number, allowance: number): void {
    if (this.#corrHi === undefined || this.#corrLo === undefined || this.#allowance === undefined) {
      this.#corrHi = new Int32Array(ENDED_REQUESTS_REMEMBERED);
      this.#corrLo = new Int32Array(ENDED_REQUESTS_REMEMBERED);
      this.#allowance = new Float64Array(ENDED_REQUESTS_REMEMBERED);
    }
    const at = this.#at;
    this.#corrHi[at] = corrHi;
    this.#corrLo[at] = corrLo;
    this.#allowance[at] = allowance;
    this.#at = at + 1 === ENDED_REQUESTS_REMEMBERED ? 0 : at + 1;
    if (this.#count < ENDED_REQUESTS_REMEMBERED) this.#count++;
  }

  /** Whether a request with this corr_id ended a short while ago. */
  has(corrHi: number, corrLo: number): boolean {
    return this.#find(corrHi, corrLo) >= 0;
  }

  /** Books a frame that was under way when its stream was cut off; false when the peer sends on regardless. */
  absorb(corrHi: number, corrLo: number, payloadBytes: number): boolean {
    const at = this.#find(corrHi, corrLo);
    if (at < 0 || this.#allowance === undefined) return false;
    const left = (this.#allowance[at] as number) - payloadBytes - 1;
    this.#allowance[at] = Math.max(0, left);
    return left >= 0;
  }

  /** Newest first, since a corr_id may be used again. */
  #find(corrHi: number, corrLo: number): number {
    if (this.#corrHi === undefined || this.#corrLo === undefined) return -1;
    for (let i = 1; i <= this.#count; i++) {
      const at = (this.#at - i + ENDED_REQUESTS_REMEMBERED) % ENDED_REQUESTS_REMEMBERED;
      if (this.#corrLo[at] === corrLo && this.#corrHi[at] === corrHi) return at;
    }
    return -1;
  }
}
