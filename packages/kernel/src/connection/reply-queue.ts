import { REPLY_PIECE_BYTES, REPLY_QUEUE_BYTES_MAX, STREAM_FRAME_BYTES } from '../limits.ts';
import type { SendCredit } from '../wire/credit.ts';
import { Flag } from '../wire/header.ts';

/** One frame that may go out now. */
export interface ReplyFrame {
  readonly flags: number;
  readonly status: number;
  readonly payload: Uint8Array;
}

interface Part {
  readonly status: number;
  readonly flags: number;
  payload: Uint8Array;
  readonly last: boolean;
  /** Memory of this queue's own that `payload` is the beginning of; further small parts go behind it. */
  readonly piece: Uint8Array | undefined;
}

/**
 * The parts of one reply that are not on the wire yet, cut into frames as the
 * peer's credit allows (specs/oap-1.md §7.2). A reply that fits one frame needs
 * no credit.
 */
export class ReplyQueue {
  /** Payload bytes not handed out yet. */
  bytes = 0;
  readonly #credit: SendCredit;
  readonly #singleFrameBytesMax: number;
  #parts: Part[] = [];
  /** Bytes of the first part that were handed out. */
  #offset = 0;
  #started = false;

  readonly #onQueued: (bytes: number) => void;

  /**
   * @param singleFrameBytesMax largest payload that one frame of this connection carries
   * @param onQueued told of bytes that came into the queue
   */
  constructor(credit: SendCredit, singleFrameBytesMax: number, onQueued: (bytes: number) => void) {
    this.#credit = credit;
    this.#singleFrameBytesMax = singleFrameBytesMax;
    this.#onQueued = onQueued;
  }

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  /** Payload bytes that would not have to wait here. */
  get roomBytes(): number {
    return this.empty ? this.#credit.available : 0;
  }

  /**
   * Queues a part. A small one that has to wait is collected in a piece with its
   * neighbours, since a part by itself costs as much as hundreds of bytes and a
   * peer that grants no credit decides how many wait.
   *
   * @param borrowed the payload's memory is used again, so it has to be copied
   * @throws Error beyond REPLY_QUEUE_BYTES_MAX, unless it is the end: its size is the service's to know
   */
  push(status: number, payload: Uint8Array, flags: number, last: boolean, borrowed: boolean): void {
    if (!last && this.bytes + payload.length > REPLY_QUEUE_BYTES_MAX) {
      throw new Error(`reply has ${this.bytes} unsent bytes: wait for onDrain after write() returned false`);
    }
    const before = this.#parts.at(-1);
    if (before === undefined || last || payload.length > REPLY_PIECE_BYTES / 2) {
      // Not slice(), which of a Buffer is no copy.
      this.#parts.push({ status, flags, payload: borrowed ? new Uint8Array(payload) : payload, last, piece: undefined });
    } else if (payload.length > 0) {
      this.#collect(before, status, flags, payload);
    }
    this.bytes += payload.length;
    this.#onQueued(payload.length);
  }

  /** Adds what a CREDIT granted. */
  grant(bytes: number): void {
    this.#credit.grant(bytes);
  }

  /** The next frame, `undefined` while there is none or the credit does not allow it. */
  next(): ReplyFrame | undefined {
    const part = this.#parts[0];
    if (part === undefined) return undefined;
    if (!this.#started && part.last && part.payload.length <= this.#singleFrameBytesMax) {
      return this.#emit(part, part.payload.length, Flag.START | Flag.END);
    }
    const left = part.payload.length - this.#offset;
    const bytes = this.#credit.take(Math.min(left, STREAM_FRAME_BYTES, this.#singleFrameBytesMax));
    if (bytes === 0 && left > 0) return undefined;
    const ends = part.last && bytes === left;
    return this.#emit(part, bytes, (this.#started ? 0 : Flag.START) | (ends ? Flag.END : 0));
  }

  #collect(before: Part, status: number, flags: number, payload: Uint8Array): void {
    const { piece } = before;
    const from = before.payload.length;
    if (piece !== undefined && from + payload.length <= piece.length && before.status === status && before.flags === flags) {
      piece.set(payload, from);
      before.payload = piece.subarray(0, from + payload.length);
    } else {
      const fresh = new Uint8Array(REPLY_PIECE_BYTES);
      fresh.set(payload);
      this.#parts.push({ status, flags, payload: fresh.subarray(0, payload.length), last: false, piece: fresh });
    }
  }

  #emit(part: Part, bytes: number, position: number): ReplyFrame {
    const start = this.#offset;
    const whole = start === 0 && bytes === part.payload.length;
    const payload = whole ? part.payload : part.payload.subarray(start, start + bytes);
    this.#started = true;
    this.bytes -= bytes;
    if (start + bytes === part.payload.length) {
      this.#parts.shift();
      this.#offset = 0;
    } else {
      this.#offset = start + bytes;
    }
    return { flags: part.flags | position, status: part.status, payload };
  }
}
