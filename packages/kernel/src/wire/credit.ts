/**
 * What one side may still send on a stream (specs/oap-1.md §7.2). Counts
 * payload bytes of a multi-frame message in one direction.
 */
export class SendCredit {
  /** Bytes that may be sent now; never negative. */
  available: number;

  constructor(windowBytes: number) {
    this.available = windowBytes;
  }

  /** Takes up to `bytes`, returns how many were granted. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.available);
    this.available -= taken;
    return taken;
  }

  /** Adds what a CREDIT granted; a sum beyond 2^53 is clamped, it is endless either way. */
  grant(bytes: number): void {
    this.available = Math.min(this.available + bytes, Number.MAX_SAFE_INTEGER);
  }
}

/**
 * What the other side may still send, and when it is time to tell it that more
 * is welcome: once half a window was consumed, so that a CREDIT is rare and the
 * sender never runs dry.
 */
export class ReceiveCredit {
  readonly #windowBytes: number;
  #outstanding: number;
  #unconsumed = 0;
  #consumed = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#outstanding = windowBytes;
  }

  /** Books `bytes` that arrived; false when the sender went beyond its credit. */
  receive(bytes: number): boolean {
    this.#outstanding -= bytes;
    this.#unconsumed += bytes;
    return this.#outstanding >= 0;
  }

  /** Bytes that the sender may still send. */
  get outstanding(): number {
    return Math.max(0, this.#outstanding);
  }

  /** Bytes that arrived and were not processed yet. */
  get unconsumed(): number {
    return this.#unconsumed;
  }

  /** Books up to `bytes` of what arrived as processed; returns the grant to send now, 0 for none yet. */
  consume(bytes: number): number {
    const consumed = Math.min(bytes, this.#unconsumed);
    this.#unconsumed -= consumed;
    this.#consumed += consumed;
    return this.#consumed * 2 >= this.#windowBytes ? this.release() : 0;
  }

  /** All that was processed and not granted again, at once (the peer asked with ACK_REQ). */
  release(): number {
    const grant = this.#consumed;
    this.#consumed = 0;
    this.#outstanding += grant;
    return grant;
  }
}
