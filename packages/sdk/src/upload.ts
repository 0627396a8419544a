import { Flag, HEADER_BYTES, OapError, Reject, SendCredit, STREAM_FRAME_BYTES } from '@omnigate/kernel/wire';
import { STREAM_WRITES_MAX } from './limits.ts';

/** A piece of the request and who wants to know when it was sent. */
interface Write {
  readonly bytes: Uint8Array;
  sent: number;
  readonly resolve: (() => void) | undefined;
  readonly reject: ((error: OapError) => void) | undefined;
}

const NOTHING = new Uint8Array(0);

/**
 * A request that takes several frames: what is still to be sent of it, cut into
 * frames as credit allows (specs/oap-1.md §7). Payload is referenced, never
 * copied, and must not change until it was written.
 */
export class Upload {
  // The frame that `next()` found.
  flags = 0;
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  /** Its START frame was sent. */
  started = false;
  /** Its END frame was sent, or it failed; nothing more will be. */
  finished = false;

  readonly #writes: Write[] = [];
  #ended = false;
  #credit: SendCredit | undefined;

  /** Adds a piece; `resolve` is called once all of it is on its way. */
  push(bytes: Uint8Array, resolve?: () => void, reject?: (error: OapError) => void): void {
    if (this.#writes.length >= STREAM_WRITES_MAX) {
      throw new OapError(Reject.queue_full, { message: `${STREAM_WRITES_MAX} writes of one stream wait for credit.` });
    }
    this.#writes.push({ bytes, sent: 0, resolve, reject });
  }

  /** Nothing will be added; the last frame carries END. */
  finish(resolve?: () => void, reject?: (error: OapError) => void): void {
    if (resolve !== undefined) this.push(NOTHING, resolve, reject);
    this.#ended = true;
  }

  /** No further piece can be added. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sets the credit a message begins with. */
  open(windowBytes: number): void {
    this.#credit = new SendCredit(windowBytes);
  }

  /** Adds what a CREDIT granted. */
  grant(bytes: number): void {
    this.#credit?.grant(bytes);
  }

  /**
   * Puts the next frame into the public fields; false when there is nothing to
   * send now.
   *
   * @param frameBytesMax longest frame, bytes, less the capability while START is due
   */
  next(frameBytesMax: number): boolean {
    const credit = this.#credit;
    if (this.finished || credit === undefined) return false;
    const flags = this.started ? 0 : Flag.START;
    this.#dropEmpty(flags !== 0);
    const head = this.#writes[0];
    if (head === undefined) {
      return this.#ended && this.#found(flags | Flag.END, NOTHING, 0, 0);
    }
    const left = head.bytes.length - head.sent;
    const fitting = Math.min(left, STREAM_FRAME_BYTES, frameBytesMax - HEADER_BYTES);
    const isWholeMessage = flags !== 0 && fitting === left && this.#isLast(head);
    // A message of one frame takes no credit.
    const bytes = isWholeMessage ? left : credit.take(fitting);
    if (bytes === 0 && left > 0) return false;
    const start = head.sent;
    head.sent += bytes;
    const isEnd = head.sent === head.bytes.length && this.#isLast(head);
    this.#found(flags | (isEnd ? Flag.END : 0), head.bytes, start, head.sent);
    if (head.sent === head.bytes.length) this.#complete();
    while (isEnd && this.#writes.length > 0) this.#complete();
    return true;
  }

  /** Ends it: writes that wait are told. */
  fail(error: OapError): void {
    this.finished = true;
    for (const write of this.#writes.splice(0)) write.reject?.(error);
  }

  #found(flags: number, bytes: Uint8Array, start: number, end: number): true {
    this.flags = flags;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.started = true;
    this.finished = (flags & Flag.END) !== 0;
    return true;
  }

  /** Empty pieces need no frame of their own, except for the one that starts the message. */
  #dropEmpty(keepFirst: boolean): void {
    while (this.#writes.length > (keepFirst ? 1 : 0) && this.#writes[0]?.bytes.length === 0) this.#complete();
  }

  /** Whether nothing but empty pieces follows `head`, ever. */
  #isLast(head: Write): boolean {
    return this.#ended && this.#writes.every((write) => write === head || write.bytes.length === 0);
  }

  #complete(): void {
    this.#writes.shift()?.resolve?.();
  }
}
