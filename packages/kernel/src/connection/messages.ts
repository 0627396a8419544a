import type { ConnectionAdmission, Permit, Refusal } from '../admission.ts';
import type { Route } from '../bus.ts';
import { EMPTY_FRAMES_MAX, HEADER_BYTES, INFLIGHT_BYTES_MAX, STREAM_WINDOW_BYTES, WRITE_COPY_BYTES_MAX } from '../limits.ts';
import { APP_CONTROL, ControlOp, encodeCredit } from '../wire/control.ts';
import { ReceiveCredit, SendCredit } from '../wire/credit.ts';
import type { FrameDecoder } from '../wire/decoder.ts';
import type { FrameAddress, FrameHeader } from '../wire/header.ts';
import { Flag, KIND_MASK } from '../wire/header.ts';
import type { Negotiated } from '../wire/hello.ts';
import { OapError } from '../wire/oap-error.ts';
import { Reject } from '../wire/reject.ts';
import { compressReply, decompressRequest } from './compression.ts';
import type { ConnectionContext } from './context.ts';
import { EndedRequests } from './ended-requests.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeOwner } from './exchange.ts';
import { ExchangeTable } from './exchange-table.ts';
import { addressOf, belongsTo, isCompressedCiphertext } from './frame-rules.ts';
import type { Outbound } from './outbound.ts';
import { ReplyQueue } from './reply-queue.ts';

/** What the messages of a connection need of the connection itself. */
export interface MessageHost {
  /** When the current read began, monotonic milliseconds. */
  readonly nowMs: number;
  readonly draining: boolean;
  readonly admission: ConnectionAdmission;
  /** Answers a fault of the peer with an error frame and books it against the peer. */
  refuse(to: FrameAddress, error: OapError | Refusal): void;
  /** Answers with an error that is not held against the peer. */
  sendError(exchange: Exchange, error: OapError): void;
  /** Books a fault without an answer. */
  discard(reject: Reject): void;
  /** Ends the connection after an error frame. */
  fatal(reject: Reject, to?: FrameAddress): void;
  /** Whether a continuation of an unknown corr_id may still be answered. */
  mayAnswerUnknownCorr(): boolean;
  /** Books an ACK_REQ that had nothing to give back. */
  needlessAckRequest(): void;
  /** A request is over; the connection may have waited for that. */
  messageFinished(): void;
}

const NO_CAPABILITY = new Uint8Array(0);
const START_END = Flag.START | Flag.END;

/**
 * The messages of one connection: from a START frame through admission to its
 * service, and the reply back (specs/oap-1.md §6 and §7).
 */
export class Messages implements ExchangeOwner {
  /** Requests answered within the current read, for the latency histogram. */
  answeredInRead = 0;

  readonly #context: ConnectionContext;
  readonly #host: MessageHost;
  readonly #decoder: FrameDecoder;
  readonly #outbound: Outbound;
  readonly #agreed: Negotiated;
  readonly #table = new ExchangeTable();
  readonly #ended = new EndedRequests();
  #heldBytes = 0;

  constructor(
    context: ConnectionContext,
    host: MessageHost,
    decoder: FrameDecoder,
    outbound: Outbound,
    agreed: Negotiated,
  ) {
    this.#context = context;
    this.#host = host;
    this.#decoder = decoder;
    this.#outbound = outbound;
    this.#agreed = agreed;
  }

  /** Requests in flight. */
  get inflight(): number {
    return this.#table.size;
  }

  /** Handles the decoder's current frame, whose app is not control. */
  onFrame(header: FrameHeader): void {
    const { flags } = header;
    const kind = flags & KIND_MASK;
    if (kind === Flag.RESP) {
      this.#host.discard(Reject.corr_unknown);
    } else if ((kind !== Flag.REQ && kind !== Flag.EVENT) || isCompressedCiphertext(flags)) {
      this.#refuseFlags(header, Reject.bad_flags);
    } else if ((flags & Flag.COMP) !== 0 && (this.#agreed.flags & Flag.COMP) === 0) {
      this.#refuseFlags(header, Reject.comp_unsupported);
    } else if ((flags & Flag.START) !== 0) {
      this.#onStart(header);
    } else {
      this.#onContinuation(header);
    }
  }

  /** A CREDIT for a reply that streams. */
  onCredit(header: FrameHeader, bytes: number): void {
    const exchange = this.#table.find(header.corrHi, header.corrLo);
    if (exchange === undefined) {
      if (!this.#ended.has(header.corrHi, header.corrLo)) this.#host.discard(Reject.corr_unknown);
      return;
    }
    exchange.queue ??= this.createReplyQueue();
    exchange.queue.grant(bytes);
    if (!exchange.queue.empty && this.pump(exchange)) exchange.drained();
  }

  /** A CANCEL; returns when its request began, `undefined` when nothing was cancelled. */
  onCancel(header: FrameHeader): number | undefined {
    const exchange = this.#table.find(header.corrHi, header.corrLo);
    if (exchange === undefined) {
      if (!this.#ended.has(header.corrHi, header.corrLo)) this.#host.discard(Reject.corr_unknown);
      return undefined;
    }
    exchange.cancel();
    return exchange.startedMs;
  }

  /** The peer will send nothing more: what is half received can never be answered, nor can what has no end by itself be ended. */
  cancelUnfinished(): void {
    for (const exchange of this.#table.all()) if (exchange.receiving || exchange.body?.endless === true) exchange.cancel();
  }

  /** Ends what is not allowed any more, and gives the credit that had to wait. */
  review(nowMs: number): void {
    if (this.#table.size > 0) for (const exchange of this.#table.all()) exchange.review(nowMs);
  }

  /** The connection is gone. */
  cancelAll(): void {
    for (const exchange of this.#table.all()) exchange.cancel();
  }

  #onStart(header: FrameHeader): void {
    const before = this.#table.find(header.corrHi, header.corrLo);
    if (before !== undefined) {
      if (before.receiving) before.reject(new OapError(Reject.bad_state, { message: 'START came twice on one corr_id.' }));
      else this.#refuse(header, Reject.corr_dup);
      return;
    }
    if (this.#host.draining) {
      this.#refuse(header, Reject.draining);
      return;
    }
    const route = this.#context.bus.route(header.app);
    if (route === undefined) {
      this.#refuse(header, Reject.app_unknown);
      return;
    }
    const verdict = this.#host.admission.message(header, route, this.#capability(header), this.#host.nowMs);
    if (verdict.reject !== undefined) {
      if (verdict.close === true) this.#host.fatal(verdict.reject, header);
      else this.#refuseWith(header, verdict);
    } else if (!route.available) {
      this.#refuse(header, Reject.service_unavailable);
    } else if (this.#table.size >= this.#agreed.inflightMax) {
      this.#refuse(header, Reject.inflight);
    } else if (this.#heldBytes + this.#decoder.payloadEnd - this.#decoder.payloadStart > INFLIGHT_BYTES_MAX) {
      this.#refuse(header, Reject.inflight_bytes);
    } else {
      this.#dispatch(header, route, verdict);
    }
  }

  #dispatch(header: FrameHeader, route: Route, permit: Permit): void {
    let payload: Uint8Array;
    try {
      payload = this.#payload(header, route.borrowsPayload);
    } catch (thrown) {
      this.#refuseWith(header, OapError.from(thrown));
      return;
    }
    const exchange = new Exchange(this, route, permit, header, payload, this.#host.nowMs);
    this.#hold(exchange, payload.length);
    if (!exchange.complete && !this.#receive(exchange, header)) return;
    try {
      exchange.body = this.#context.bus.request(route, exchange, exchange);
      if (!exchange.complete && !exchange.ended && exchange.body === undefined) {
        throw new Error(`service ${route.name} returned nothing to receive a streamed request with`);
      }
    } catch (thrown) {
      this.serviceThrew(exchange, thrown);
    }
    if (exchange.done) {
      if (!exchange.tabled) this.answeredInRead++;
      return;
    }
    exchange.tabled = true;
    this.#table.add(exchange);
    this.#ended.reserve(this.#table.size);
    this.#context.metrics.inflight++;
    permit.began();
    if (exchange.receiving && (header.flags & Flag.ACK_REQ) !== 0) this.#acknowledge(exchange);
  }

  #onContinuation(header: FrameHeader): void {
    const exchange = this.#table.find(header.corrHi, header.corrLo);
    if (exchange?.receiving !== true) {
      this.#onStrayContinuation(header);
      return;
    }
    if (!belongsTo(header, exchange)) {
      exchange.reject(new OapError(Reject.bad_state, { message: 'A continuation changed app, code, tenant or kind.' }));
      return;
    }
    if (!this.#receive(exchange, header)) return;
    const refusal = exchange.permit.continued(exchange, header.len, exchange.receivedBytes, this.#host.nowMs);
    if (refusal !== undefined) {
      exchange.reject(new OapError(refusal.reject, refusal));
      return;
    }
    let payload: Uint8Array;
    try {
      payload = this.#payload(header, exchange.route.borrowsPayload);
    } catch (thrown) {
      exchange.reject(OapError.from(thrown));
      return;
    }
    this.#hold(exchange, payload.length);
    if (this.#heldBytes > INFLIGHT_BYTES_MAX) {
      exchange.reject(new OapError(Reject.inflight_bytes));
      return;
    }
    this.#deliver(exchange, payload, (header.flags & Flag.END) !== 0);
    if ((header.flags & Flag.ACK_REQ) !== 0) this.#acknowledge(exchange);
  }

  #deliver(exchange: Exchange, payload: Uint8Array, isLast: boolean): void {
    if (isLast) exchange.receiving = false;
    try {
      if (payload.length > 0) exchange.body?.onData?.(payload);
      if (isLast) exchange.body?.onEnd?.();
    } catch (thrown) {
      this.serviceThrew(exchange, thrown);
    }
  }

  /** Books the payload of a multi-frame message; false when the stream or the connection had to end for it. */
  #receive(exchange: Exchange, header: FrameHeader): boolean {
    const bytes = header.len - HEADER_BYTES - header.capLen;
    const credit = (exchange.credit ??= new ReceiveCredit(STREAM_WINDOW_BYTES));
    exchange.receivedBytes += bytes;
    if (!credit.receive(bytes)) {
      exchange.reject(new OapError(Reject.credit_exceeded));
    } else if (exchange.receivedBytes > exchange.route.requestBytesMax) {
      exchange.reject(new OapError(Reject.stream_too_large));
    } else if (bytes === 0 && (header.flags & Flag.END) === 0 && ++exchange.emptyFrames > EMPTY_FRAMES_MAX) {
      this.#host.fatal(Reject.flood);
    } else {
      if (bytes > 0) exchange.emptyFrames = 0;
      return true;
    }
    return false;
  }

  #acknowledge(exchange: Exchange): void {
    const grant = exchange.receiving && !exchange.done ? (exchange.credit?.release() ?? 0) : 0;
    if (grant > 0) this.sendCredit(exchange, grant);
    else this.#host.needlessAckRequest();
  }

  #onStrayContinuation(header: FrameHeader): void {
    const bytes = header.len - HEADER_BYTES;
    if (this.#ended.absorb(header.corrHi, header.corrLo, bytes)) return;
    if (this.#host.mayAnswerUnknownCorr()) this.#refuse(header, Reject.corr_unknown);
    else this.#host.discard(Reject.corr_unknown);
  }

  /** Refuses a frame for its flags; one that belongs to an open stream ends it, one of an ended stream is dropped. */
  #refuseFlags(header: FrameHeader, reject: Reject): void {
    if ((header.flags & Flag.START) === 0) {
      const exchange = this.#table.find(header.corrHi, header.corrLo);
      if (exchange?.receiving === true) {
        exchange.reject(new OapError(reject));
        return;
      }
      if (this.#ended.absorb(header.corrHi, header.corrLo, header.len - HEADER_BYTES)) return;
    }
    this.#refuse(header, reject);
  }

  #refuse(header: FrameHeader, reject: Reject): void {
    this.#refuseWith(header, { reject });
  }

  /** Refuses a frame; the rest of its message, if it has one, is dropped without a further word. */
  #refuseWith(header: FrameHeader, error: OapError | Refusal): void {
    if ((header.flags & START_END) === Flag.START) {
      this.#ended.add(header.corrHi, header.corrLo, STREAM_WINDOW_BYTES * 2);
    }
    this.#host.refuse(header, error);
  }

  #capability(header: FrameHeader): Uint8Array {
    if (header.capLen === 0) return NO_CAPABILITY;
    return this.#decoder.buffer.subarray(this.#decoder.capStart, this.#decoder.payloadStart);
  }

  /** Payload of the current frame as its service may have it. */
  #payload(header: FrameHeader, borrow: boolean): Uint8Array {
    const { buffer, payloadStart, payloadEnd } = this.#decoder;
    if ((header.flags & Flag.COMP) !== 0) return decompressRequest(this.#context, buffer, payloadStart, payloadEnd);
    return borrow || this.#decoder.owned
      ? buffer.subarray(payloadStart, payloadEnd)
      : Uint8Array.prototype.slice.call(buffer, payloadStart, payloadEnd);
  }

  #hold(exchange: Exchange, bytes: number): void {
    exchange.heldBytes += bytes;
    this.#heldBytes += bytes;
  }

  // ExchangeOwner: the way back

  sendWhole(exchange: Exchange, status: number, payload: Uint8Array, flags: number): boolean {
    if (payload.length > this.#agreed.frameBytesMax - HEADER_BYTES || this.#outbound.congested) return false;
    let sent = payload;
    let sentFlags = Flag.RESP | START_END | (flags & Flag.APP_E2E);
    if ((this.#agreed.flags & Flag.COMP) !== 0 && (flags & Flag.APP_E2E) === 0) {
      const compressed = compressReply(this.#context, payload);
      if (compressed !== undefined) {
        sent = compressed;
        sentFlags |= Flag.COMP;
      }
    }
    const keep = sent.length > WRITE_COPY_BYTES_MAX && !this.isBorrowed(sent);
    this.#outbound.append(exchange, sentFlags, status, sent, keep);
    return true;
  }

  roomBytesOf({ queue }: Exchange): number {
    const credit = queue === undefined ? this.#agreed.replyWindowBytes : queue.roomBytes;
    return Math.min(credit, this.#outbound.roomBytes);
  }

  createReplyQueue(): ReplyQueue {
    const credit = new SendCredit(this.#agreed.replyWindowBytes);
    return new ReplyQueue(credit, this.#agreed.frameBytesMax - HEADER_BYTES, (bytes) => {
      this.#outbound.held(bytes);
    });
  }

  pump(exchange: Exchange): boolean {
    return this.#outbound.pump(exchange);
  }

  sendError(exchange: Exchange, error: OapError): void {
    this.#host.sendError(exchange, error);
  }

  refuse(exchange: Exchange, error: OapError): void {
    this.#host.refuse(exchange, error);
  }

  sendCredit(exchange: Exchange, bytes: number): void {
    if (exchange.permit.overdrawn(this.#host.nowMs)) {
      exchange.creditHeld += bytes;
      return;
    }
    const address = { ...addressOf(exchange), app: APP_CONTROL };
    this.#outbound.append(address, Flag.EVENT | START_END, ControlOp.CREDIT, encodeCredit(bytes), false);
  }

  isBorrowed(payload: Uint8Array): boolean {
    return !this.#decoder.owned && payload.buffer === this.#decoder.buffer.buffer;
  }

  serviceThrew(exchange: Exchange, thrown: unknown): void {
    if (thrown instanceof OapError) {
      exchange.abort(thrown);
    } else {
      exchange.abort(new OapError(Reject.internal));
      this.#context.serviceCrashed(exchange.route, thrown);
    }
  }

  finished(exchange: Exchange): void {
    const allowance = exchange.receiving ? (exchange.credit?.outstanding ?? 0) * 2 + EMPTY_FRAMES_MAX : 0;
    this.#ended.add(exchange.corrHi, exchange.corrLo, allowance);
    if (exchange.queue !== undefined) this.#outbound.forget(exchange);
    if (!exchange.tabled) return;
    this.#table.remove(exchange);
    exchange.tabled = false;
    this.#context.metrics.inflight--;
    const durationMs = this.#context.clock.now() - exchange.startedMs;
    this.#context.metrics.latency.observe(durationMs / 1_000);
    exchange.permit.ended(durationMs);
    this.#host.messageFinished();
  }

  releaseBytes(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}
