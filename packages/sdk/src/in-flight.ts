import {
  COMPRESSION_LIMITS,
  ControlOp,
  createHeader,
  decodeErrorBody,
  encodeCredit,
  Flag,
  HEADER_BYTES,
  OapError,
  ReceiveCredit,
  Reject,
  Status,
} from '@omnigate/kernel/wire';
import type { CompressionLimits, FrameDecoder, FrameHeader, HelloReply } from '@omnigate/kernel/wire';
import type { CapabilitySource } from './capability-source.ts';
import { CancelPacer } from './cancel-pacer.ts';
import type { Carrier, Exchange } from './exchange.ts';
import { PENDING_REQUESTS_MAX, SHORT_CALLS_PART, YOUNG_CANCEL_MS } from './limits.ts';
import type { Outbound } from './outbound.ts';
import type { PayloadMemory } from './payload.ts';
import { PendingTable } from './pending.ts';
import { decompressReply } from './reply-decompressor.ts';
import type { Outcome } from './retry.ts';
import { SentEvents } from './sent-events.ts';
import { monotonicMs } from './sweep.ts';
import { Uploads } from './uploads.ts';

/** What the requests of a connection need of the connection itself. */
export interface InFlightHost {
  /** An attempt failed; its client decides what comes next. */
  failed(exchange: Exchange, error: OapError, outcome: Outcome): void;
  /** The node broke the protocol; the connection ends. */
  protocolError(what: string): void;
  /** Asks for a call of `sweep()`. */
  wantSweep(atMs: number): void;
}

/** What both sides agreed on, and what this one said. */
export interface Agreement {
  readonly hello: HelloReply;
  /** Round of the capability that the HELLO said. */
  readonly helloRound: number;
  /** Credit this client grants on each reply stream. */
  readonly replyWindowBytes: number;
  /** This client offered COMP. */
  readonly compression: boolean;
}

const NOTHING = new Uint8Array(0);
const START_END = Flag.START | Flag.END;

/** The requests in flight on one open connection, and their replies (specs/oap-1.md §6, §7, §10). */
export class InFlight implements Carrier {
  /** Something ended since this was last cleared, so that what waits may fit. */
  freed = false;
  /** A reply that is no error came. */
  served = false;

  readonly #host: InFlightHost;
  readonly #decoder: FrameDecoder;
  readonly #outbound: Outbound;
  readonly #payloads: PayloadMemory;
  readonly #capability: CapabilitySource;
  readonly #helloRound: number;
  readonly #uploads: Uploads;
  readonly #frameBytesMax: number;
  readonly #requestsMax: number;
  readonly #bytesMax: number;
  /** What the node may have to hold of one request: a frame, or a window of a stream. */
  readonly #requestHeldMax: number;
  /** Bytes that bulk leaves to shorter calls; none at a node where one request may need all there are. */
  readonly #reserveBytes: number;
  readonly #replyWindowBytes: number;
  /** Undefined when COMP was not negotiated. */
  readonly #compression: CompressionLimits | undefined;
  readonly #table = new PendingTable<Exchange>();
  readonly #cancels = new CancelPacer();
  /** What the node may have to hold of the requests in flight. */
  #bytes = 0;
  /** The part of it that is bulk. */
  #bulkBytes = 0;
  /** Present once an event was sent. */
  #events: SentEvents | undefined;
  /** Address of control frames about an exchange. */
  readonly #about: FrameHeader = createHeader();

  constructor(
    host: InFlightHost,
    decoder: FrameDecoder,
    outbound: Outbound,
    payloads: PayloadMemory,
    capability: CapabilitySource,
    agreement: Agreement,
  ) {
    const { hello } = agreement;
    this.#host = host;
    this.#decoder = decoder;
    this.#outbound = outbound;
    this.#payloads = payloads;
    this.#capability = capability;
    this.#helloRound = agreement.helloRound;
    this.#uploads = new Uploads(outbound, hello);
    this.#frameBytesMax = hello.max_frame;
    this.#requestsMax = Math.min(hello.max_inflight, PENDING_REQUESTS_MAX);
    this.#bytesMax = hello.max_inflight_bytes;
    this.#requestHeldMax = Math.max(hello.max_frame, hello.initial_window);
    this.#reserveBytes = Math.max(0, Math.min(this.#bytesMax / SHORT_CALLS_PART, this.#bytesMax - this.#requestHeldMax));
    this.#replyWindowBytes = agreement.replyWindowBytes;
    this.#compression =
      agreement.compression && (hello.supported_flags & Flag.COMP) !== 0
        ? { ...COMPRESSION_LIMITS, outputBytesMax: hello.max_decompressed, ratioMax: hello.max_ratio }
        : undefined;
  }

  /** Requests in flight. */
  get size(): number {
    return this.#table.size;
  }

  /** All of them, as a copy. */
  all(): Exchange[] {
    return this.#table.all();
  }

  /**
   * Whether a request may be sent now, within the bounds that the node told and
   * our own. One that passes waiting bulk has the reserve alone, which bulk never
   * needs: however many pass, bulk waits for other bulk only.
   */
  hasRoom(exchange: Exchange, passing: boolean): boolean {
    if (this.#table.size >= this.#requestsMax || this.#outbound.congested) return false;
    // What alone is above the bound is the node's to refuse.
    if (this.#bytes === 0) return true;
    const heldBytes = this.#heldBytes(exchange);
    if (this.#bytes + heldBytes > this.#bytesMax) return false;
    if (exchange.bulk) return this.#bulkBytes + heldBytes <= this.#bytesMax - this.#reserveBytes;
    return !passing || this.#bytes - this.#bulkBytes + heldBytes <= this.#reserveBytes;
  }

  /** Sends a request, or the beginning of one; the caller asked `hasRoom()` before. */
  start(exchange: Exchange): void {
    const outbound = this.#outbound;
    const { request } = exchange;
    const { round, current } = this.#capability;
    exchange.capRound = round;
    // What the HELLO said holds for all; a newer one rides on each START.
    exchange.capability = exchange.terms.capability ?? (round === this.#helloRound ? undefined : current);
    if (exchange.oneWay) {
      this.#sendEvent(exchange);
      return;
    }
    this.#table.add(exchange);
    exchange.carrier = this;
    exchange.flushMark = outbound.flushes;
    this.#book(exchange, 1);
    if (request === undefined || !this.#fits(exchange, request)) this.#uploads.start(exchange);
    else this.#sendWhole(exchange, Flag.REQ, request);
    exchange.sentAt = outbound.nowMs;
  }

  /** Handles the decoder's current frame, a RESP; false when no request waits for it. */
  onReply(header: FrameHeader): boolean {
    const exchange = this.#table.find(header.corrHi, header.corrLo);
    if (exchange === undefined) return false;
    const { flags, code } = header;
    if ((flags & START_END) !== START_END) {
      this.#onPart(exchange, header);
      return true;
    }
    this.#remove(exchange);
    // Otherwise it was let go before, and its CANCEL was not due yet.
    if (!exchange.settled) {
      if (code < 200 || code >= 300) this.#onError(exchange, code);
      else if (exchange.credit !== undefined) this.#host.protocolError(`a second reply on corr_id ${exchange.corrId}`);
      else this.#onWhole(exchange, header);
    }
    return true;
  }

  /** Whether a reply that no request waits for is about an event. */
  isAboutEvent(header: FrameHeader): boolean {
    return this.#events?.has(header.corrHi, header.corrLo) ?? false;
  }

  /** The node grants more of a request. */
  onCredit(header: FrameHeader, bytes: number): void {
    const exchange = this.#table.find(header.corrHi, header.corrLo);
    if (exchange !== undefined) this.#uploads.grant(exchange, bytes);
  }

  /** The socket takes bytes again. */
  drained(): void {
    this.#uploads.drained();
  }

  /** Lets go of a settled exchange: the node is told now, or as soon as that is no offence. */
  cancel(exchange: Exchange, nowMs: number): void {
    this.#uploads.forget(exchange);
    if (this.#cancels.allows(exchange.sentAt, nowMs)) {
      this.#sendControl(exchange, ControlOp.CANCEL, NOTHING);
      this.#remove(exchange);
    } else {
      this.#host.wantSweep(exchange.sentAt + YOUNG_CANCEL_MS);
    }
  }

  /** Expires what is over its deadline and sends the CANCELs that had to wait. */
  sweep(nowMs: number): void {
    if (this.#table.size === 0) return;
    for (const exchange of this.#table.all()) {
      const dueAt = exchange.settled ? exchange.sentAt + YOUNG_CANCEL_MS : exchange.deadlineAt;
      if (nowMs < dueAt) {
        this.#host.wantSweep(dueAt);
      } else {
        if (!exchange.settled) exchange.fail(exchange.expired('its reply did not come in time'));
        this.cancel(exchange, nowMs);
      }
    }
  }

  /** The connection is gone: all in flight failed; what had not left yet can go elsewhere. */
  lose(why: string, cause: unknown): void {
    this.#uploads.clear();
    for (const exchange of this.#table.all()) {
      this.#remove(exchange);
      if (exchange.settled) continue;
      const unsent = exchange.flushMark === this.#outbound.flushes;
      const message = unsent
        ? `${why} before ${exchange.name} was sent.`
        : `${why} before ${exchange.name} was answered: whether it was carried out is unknown.`;
      const error = new OapError(Reject.connection_lost, { message, corrId: exchange.corrId, cause });
      this.#host.failed(exchange, error, unsent ? 'unsent' : 'unknown');
    }
  }

  // Carrier: what an exchange asks for

  pump(exchange: Exchange): void {
    this.#uploads.pump(exchange);
  }

  consumed(exchange: Exchange, bytes: number): void {
    if (exchange.settled || exchange.credit === undefined) return;
    this.#grant(exchange, exchange.credit.consume(bytes));
  }

  abandon(exchange: Exchange, error: OapError): void {
    if (exchange.settled) return;
    exchange.fail(error);
    this.cancel(exchange, monotonicMs());
  }

  decompress(exchange: Exchange, bytes: Uint8Array): Uint8Array {
    const { corrId } = exchange;
    if (this.#compression === undefined) {
      throw new OapError(Reject.bad_response, { message: 'The node compressed a reply without being asked to.', corrId });
    }
    try {
      return decompressReply(bytes, this.#compression);
    } catch (cause) {
      const message = `The reply to ${exchange.name} cannot be decompressed.`;
      const { detail } = OapError.from(cause);
      throw new OapError(Reject.bad_response, { message, corrId, detail, cause });
    }
  }

  /** A request that is written piece by piece may stay open for good, so only its credit bounds it. */
  #heldBytes({ request }: Exchange): number {
    return request === undefined ? 0 : Math.min(request.length, this.#requestHeldMax);
  }

  /** Counts what the node may have to hold of a request, or with -1 that it no longer has to. */
  #book(exchange: Exchange, sign: 1 | -1): void {
    const bytes = sign * this.#heldBytes(exchange);
    this.#bytes += bytes;
    if (exchange.bulk) this.#bulkBytes += bytes;
  }

  #fits(exchange: Exchange, payload: Uint8Array): boolean {
    return HEADER_BYTES + (exchange.capability?.length ?? 0) + payload.length <= this.#frameBytesMax;
  }

  #sendWhole(exchange: Exchange, kind: number, payload: Uint8Array): void {
    const { capability } = exchange;
    const flags = kind | START_END | exchange.terms.flags;
    if (capability === undefined) this.#outbound.append(exchange, flags, exchange.code, payload, 0, payload.length);
    else this.#outbound.appendWithCapability(exchange, flags, exchange.code, capability, payload);
  }

  #sendEvent(exchange: Exchange): void {
    const payload = exchange.request ?? NOTHING;
    this.#table.pass(exchange);
    this.#events ??= new SentEvents();
    this.#events.add(exchange.corrHi, exchange.corrLo);
    if (this.#fits(exchange, payload)) {
      this.#sendWhole(exchange, Flag.EVENT, payload);
      exchange.receiveWhole(Status.ACCEPTED, 0, NOTHING);
    } else {
      const message = `The event ${exchange.name} has ${payload.length} bytes and does not fit one frame.`;
      exchange.fail(new OapError(Reject.frame_too_large, { message }));
    }
  }

  #onError(exchange: Exchange, status: number): void {
    const error = decodeErrorBody(status, this.#payloads.take(this.#decoder), exchange.corrId);
    this.#host.failed(exchange, error, 'refused');
  }

  #onWhole(exchange: Exchange, { flags, code }: FrameHeader): void {
    this.served = true;
    const payload = this.#payloads.take(this.#decoder);
    if ((flags & Flag.COMP) === 0) {
      exchange.receiveWhole(code, flags & Flag.APP_E2E, payload);
      return;
    }
    try {
      exchange.receiveWhole(code, 0, this.decompress(exchange, payload));
    } catch (error) {
      exchange.fail(OapError.from(error));
    }
  }

  /** A frame of a reply that takes several (specs/oap-1.md §7). */
  #onPart(exchange: Exchange, header: FrameHeader): void {
    const { flags, code } = header;
    const isFirst = (flags & Flag.START) !== 0;
    const isLast = (flags & Flag.END) !== 0;
    const { payloadStart, payloadEnd } = this.#decoder;
    if (isFirst !== (exchange.credit === undefined) || code < 200 || code >= 300) {
      this.#host.protocolError(`frames of a reply out of order on corr_id ${exchange.corrId}`);
      return;
    }
    const credit = (exchange.credit ??= new ReceiveCredit(this.#replyWindowBytes));
    if (!credit.receive(payloadEnd - payloadStart)) {
      this.#host.protocolError(`more of a reply than was granted on corr_id ${exchange.corrId}`);
      return;
    }
    if (!exchange.settled) this.#receivePart(exchange, header);
    if (isLast) {
      this.#remove(exchange);
      if (!exchange.settled) exchange.receiveEnd();
    } else if ((flags & Flag.ACK_REQ) !== 0 && !exchange.settled) {
      this.#grant(exchange, credit.release());
    }
  }

  #receivePart(exchange: Exchange, { flags, code }: FrameHeader): void {
    this.served = true;
    const bytes = this.#payloads.take(this.#decoder);
    const compressed = (flags & Flag.COMP) !== 0;
    try {
      exchange.receivePart({ status: code, flags: flags & Flag.APP_E2E, bytes, compressed });
    } catch (error) {
      this.abandon(exchange, OapError.from(error));
    }
  }

  #remove(exchange: Exchange): void {
    if (!this.#table.remove(exchange)) return;
    this.freed = true;
    this.#book(exchange, -1);
    if (exchange.upload !== undefined) this.#uploads.forget(exchange);
  }

  #grant(exchange: Exchange, bytes: number): void {
    if (bytes > 0) this.#sendControl(exchange, ControlOp.CREDIT, encodeCredit(bytes));
  }

  #sendControl(exchange: Exchange, op: number, payload: Uint8Array): void {
    this.#about.corrHi = exchange.corrHi;
    this.#about.corrLo = exchange.corrLo;
    this.#outbound.append(this.#about, Flag.EVENT | START_END, op, payload, 0, payload.length);
  }
}
