import { corrToText, OapError, Reject } from '@omnigate/kernel/wire';
import type { FrameAddress, ReceiveCredit } from '@omnigate/kernel/wire';
import type { Abortable } from './abort-watch.ts';
import { SHORT_CALL_BYTES_MAX } from './limits.ts';
import type { CallTerms } from './options.ts';
import type { Upload } from './upload.ts';

/** What an exchange may ask of the connection that carries it. */
export interface Carrier {
  /** `bytes` of a streamed reply were taken by the application; returns credit when it is time. */
  consumed(exchange: Exchange, bytes: number): void;
  /** The exchange's upload has something to send. */
  pump(exchange: Exchange): void;
  /** The exchange cannot go on with what it received: it is cancelled and fails with `error`. */
  abandon(exchange: Exchange, error: OapError): void;
  /**
   * The payload behind the bytes of one of the exchange's COMP frames.
   *
   * @throws OapError bad_response
   */
  decompress(exchange: Exchange, bytes: Uint8Array): Uint8Array;
}

/** What an exchange may ask of its client. */
export interface ExchangeOwner {
  /** Sends an exchange as soon as it can be. */
  begin(exchange: Exchange): void;
  /** Ends an exchange wherever it is and fails it with `error`. */
  abandon(exchange: Exchange, error: OapError): void;
  /** An exchange with a signal is over. */
  unwatch(exchange: Exchange, signal: AbortSignal): void;
}

/** One frame of a streamed reply, in memory of its own. */
export interface ReplyPart {
  readonly status: number;
  /** APP_E2E or 0. */
  readonly flags: number;
  /** Payload as it stood in the frame; this many bytes of credit. */
  readonly bytes: Uint8Array;
  readonly compressed: boolean;
}

/**
 * A request and the way to its reply: what a unary call and a stream have in
 * common, and all that client and connection know of either.
 */
export abstract class Exchange implements FrameAddress, Abortable {
  // Its name on the wire; the corr_id is that of the attempt under way.
  corrHi = 0;
  corrLo = 0;
  readonly app: number;
  readonly code: number;
  readonly tenant0: number;
  readonly tenant1: number;
  readonly tenant2: number;
  readonly tenant3: number;

  /** An event: no reply is expected. */
  readonly oneWay: boolean = false;
  /** It may run for good: closing the client ends it, and does not wait for it. */
  readonly endless: boolean = false;
  readonly terms: CallTerms;
  /** The whole request, or undefined when it is written piece by piece. */
  readonly request: Uint8Array | undefined;
  /** Capability of the START frame of the current attempt; undefined for that of the HELLO. */
  capability: Uint8Array | undefined = undefined;
  /** Round of the client's capability when that attempt was sent. */
  capRound = 0;
  /** It was sent again under another capability, which happens once. */
  capRenewed = false;
  /** Monotonic milliseconds; 0 until the exchange begins. */
  deadlineAt = 0;
  /** When the current attempt's first frame was collected. */
  sentAt = 0;
  /** The flush after which the first frame is no longer ours alone. */
  flushMark = 0;
  /** Attempts that count against the retry policy. */
  attempts = 1;
  /** Nobody waits for it any more: answered, failed or let go. */
  settled = false;
  /** It is in the queue of calls that wait. */
  waiting = false;
  /** Its number in that queue. */
  turn = 0;
  /** When a refused attempt is to be repeated; monotonic milliseconds. */
  resumeAt = 0;
  /** The connection it is in flight on. */
  carrier: Carrier | undefined = undefined;
  /** Present when the request takes several frames. */
  upload: Upload | undefined = undefined;
  /** Present once the reply turned out to take several frames. */
  credit: ReceiveCredit | undefined = undefined;

  protected readonly owner: ExchangeOwner;

  constructor(owner: ExchangeOwner, app: number, code: number, request: Uint8Array | undefined, terms: CallTerms) {
    this.owner = owner;
    this.app = app;
    this.code = code;
    this.request = request;
    this.terms = terms;
    const { tenant } = terms;
    this.tenant0 = tenant.tenant0;
    this.tenant1 = tenant.tenant1;
    this.tenant2 = tenant.tenant2;
    this.tenant3 = tenant.tenant3;
  }

  /** A reply of one frame came; `payload` is memory of its own. */
  abstract receiveWhole(status: number, flags: number, payload: Uint8Array): void;
  /** A frame of a streamed reply came. */
  abstract receivePart(part: ReplyPart): void;
  /** The last part was received. */
  abstract receiveEnd(): void;
  /** Makes it ready for another attempt; false when that is impossible. */
  abstract rewind(): boolean;
  /** Tells the application. */
  protected abstract reject(error: OapError): void;

  /** Ends with an error; only the first end counts. */
  fail(error: OapError): void {
    if (this.settled) return;
    this.settle();
    this.upload?.fail(error);
    this.reject(error);
  }

  /** So long that shorter calls need not wait behind it. */
  get bulk(): boolean {
    return this.request !== undefined && this.request.length > SHORT_CALL_BYTES_MAX;
  }

  /** What the caller asked about, for messages: never the payload. */
  get name(): string {
    return `app ${this.app} op ${this.code}`;
  }

  /** corr_id of the current attempt, decimal. */
  get corrId(): string {
    return corrToText(this.corrHi, this.corrLo);
  }

  /** The caller's signal was aborted. */
  aborted(reason: unknown): void {
    this.owner.abandon(this, this.cancelled(reason));
  }

  /** The error of a call that the caller let go. */
  cancelled(cause: unknown): OapError {
    return new OapError(Reject.cancelled, { message: `The caller cancelled ${this.name}.`, ...this.#trace(), cause });
  }

  /** The error of a call whose time is over. */
  expired(what: string, cause?: unknown): OapError {
    const message = `${this.name} was not answered within ${this.terms.deadlineMs} ms: ${what}.`;
    return new OapError(Reject.deadline_exceeded, { message, ...this.#trace(), cause });
  }

  protected settle(): void {
    this.settled = true;
    if (this.terms.signal !== undefined) this.owner.unwatch(this, this.terms.signal);
  }

  /** The corr_id, once there was one. */
  #trace(): { corrId?: string } {
    return this.corrHi === 0 && this.corrLo === 0 ? {} : { corrId: this.corrId };
  }
}
