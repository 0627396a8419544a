import {
  BODY_RATE_BYTES_MIN,
  BODY_TIMEOUT_MS,
  DRAINED_LINGER_MS,
  HEADER_TIMEOUT_MS,
  HELLO_TIMEOUT_MS,
  WRITE_STALL_TIMEOUT_MS,
} from '../limits.ts';
import { Reject } from '../wire/reject.ts';

/** What the time-outs need to know of a connection when they are looked at. */
export interface TimeoutState {
  readonly closing: boolean;
  /** HELLO was answered. */
  readonly greeted: boolean;
  /** The node is willing to read; time does not count against the peer otherwise. */
  readonly reading: boolean;
  readonly partialBytes: number;
  readonly partialLength: number;
  readonly unsentBytes: number;
  readonly inflight: number;
  readonly draining: boolean;
}

/**
 * What is due: a reject, the end of the time a closing peer has to read its last
 * frame, or the end of a connection that was told to go and has nothing left.
 */
export type Due = Reject | 'linger' | 'drained' | undefined;

/** All time-outs of one connection, without a timer of their own (specs/oap-1.md §9). */
export class Timeouts {
  readonly #idleTimeoutMs: number;
  readonly #openedMs: number;
  #lastFrameMs: number;
  /** First byte of the frame that is incomplete, 0 for none. */
  #partialSinceMs = 0;
  #closeAtMs = Number.POSITIVE_INFINITY;
  #unsentBytes = 0;
  #progressMs = 0;

  constructor(nowMs: number, idleTimeoutMs: number) {
    this.#openedMs = nowMs;
    this.#lastFrameMs = nowMs;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** A read ended that completed `frames` and left `partialBytes` of the next one. */
  read(nowMs: number, frames: number, partialBytes: number): void {
    if (frames > 0) this.#lastFrameMs = nowMs;
    if (partialBytes === 0) this.#partialSinceMs = 0;
    else if (frames > 0 || this.#partialSinceMs === 0) this.#partialSinceMs = nowMs;
  }

  /** A frame left that is no answer to one that came. */
  active(nowMs: number): void {
    this.#lastFrameMs = nowMs;
  }

  /** The last frame is on its way; the socket goes at `atMs`. */
  closing(atMs: number): void {
    this.#closeAtMs = atMs;
  }

  check(nowMs: number, state: TimeoutState): Due {
    if (state.closing) return nowMs >= this.#closeAtMs ? 'linger' : undefined;
    if (this.#stalled(nowMs, state.unsentBytes)) return Reject.slow_reader;
    if (!state.reading) {
      // The node made the peer wait; its clock starts again when reading does.
      if (this.#partialSinceMs !== 0) this.#partialSinceMs = nowMs;
      this.#lastFrameMs = nowMs;
      return undefined;
    }
    if (state.partialBytes > 0) return this.#checkPartial(nowMs, state.partialLength);
    if (!state.greeted) return nowMs - this.#openedMs >= HELLO_TIMEOUT_MS ? Reject.hello_timeout : undefined;
    if (state.inflight > 0 || state.unsentBytes > 0) {
      // Frames of the node's own are under way; the idle time begins with the last of them.
      this.#lastFrameMs = nowMs;
      return undefined;
    }
    const idleMs = nowMs - this.#lastFrameMs;
    if (idleMs >= this.#idleTimeoutMs) return Reject.idle_timeout;
    return state.draining && idleMs >= DRAINED_LINGER_MS ? 'drained' : undefined;
  }

  #checkPartial(nowMs: number, length: number): Due {
    const waitedMs = nowMs - this.#partialSinceMs;
    if (length === 0) return waitedMs >= HEADER_TIMEOUT_MS ? Reject.header_timeout : undefined;
    const allowedMs = BODY_TIMEOUT_MS + (length / BODY_RATE_BYTES_MIN) * 1_000;
    return waitedMs >= allowedMs ? Reject.body_timeout : undefined;
  }

  /** Whether the peer has taken nothing of what is due for too long. */
  #stalled(nowMs: number, unsentBytes: number): boolean {
    if (unsentBytes === 0 || unsentBytes !== this.#unsentBytes) {
      this.#unsentBytes = unsentBytes;
      this.#progressMs = nowMs;
      return false;
    }
    return nowMs - this.#progressMs >= WRITE_STALL_TIMEOUT_MS;
  }
}
