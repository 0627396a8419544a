import { ENDED_REQUESTS_REMEMBERED, INFLIGHT_REQUESTS_MAX } from '../limits.ts';

/**
 * The corr_ids that ended last. A CANCEL or CREDIT that crossed the end of its
 * request, or the rest of a stream the node cut off, is no fault of the peer as
 * long as it stays within what the peer was allowed to send.
 */
export class EndedRequests {
  /** How many are remembered, a ring; the arrays are made with the first one. */
  #size = ENDED_REQUESTS_REMEMBERED;
  #corrHi: Int32Array | undefined;
  #corrLo: Int32Array | undefined;
  /** Payload bytes, plus one per frame, that may still arrive on each. */
  #allowance: Float64Array | undefined;
  #at = 0;
  #count = 0;

  /** So many are in flight: all of them may end at once, each with a CREDIT on its way. */
  reserve(inflight: number): void {
    if (inflight <= this.#size) return;
    const newest = this.#newest;
    this.#size = Math.min(INFLIGHT_REQUESTS_MAX, this.#size * 2);
    this.#corrHi = this.#corrLo = this.#allowance = undefined;
    this.#at = this.#count = 0;
    for (const [corrHi, corrLo, allowance] of newest.reverse()) this.add(corrHi, corrLo, allowance);
  }

  /** @param allowance what the peer may still have under way: 0 when its message was complete */
  add(corrHi: number, corrLo: number, allowance: number): void {
    if (this.#corrHi === undefined || this.#corrLo === undefined || this.#allowance === undefined) {
      this.#corrHi = new Int32Array(this.#size);
      this.#corrLo = new Int32Array(this.#size);
      this.#allowance = new Float64Array(this.#size);
    }
    const at = this.#at;
    this.#corrHi[at] = corrHi;
    this.#corrLo[at] = corrLo;
    this.#allowance[at] = allowance;
    this.#at = at + 1 === this.#size ? 0 : at + 1;
    if (this.#count < this.#size) this.#count++;
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
      const at = this.#behind(i);
      if (this.#corrLo[at] === corrLo && this.#corrHi[at] === corrHi) return at;
    }
    return -1;
  }

  /** What is remembered, newest first. */
  get #newest(): [corrHi: number, corrLo: number, allowance: number][] {
    return Array.from({ length: this.#count }, (_, index) => {
      const at = this.#behind(index + 1);
      return [this.#corrHi?.[at] ?? 0, this.#corrLo?.[at] ?? 0, this.#allowance?.[at] ?? 0];
    });
  }

  /** Where the one that ended `i`-th last is. */
  #behind(i: number): number {
    return (this.#at - i + this.#size) % this.#size;
  }
}
