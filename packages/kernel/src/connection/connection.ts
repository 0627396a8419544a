import type { ConnectionAdmission, Peer, Refusal } from '../admission.ts';
import {
  CLOSE_LINGER_MS,
  FRAME_BYTES_MAX,
  UNKNOWN_CORR_ANSWERS_MAX,
  YOUNG_CANCEL_MS,
} from '../limits.ts';
import type { Transport, TransportEvents } from '../net/transport.ts';
import { APP_CONTROL, ControlOp, CREDIT_BYTES, encodeGoAway, encodeRevoked, Status } from '../wire/control.ts';
import type { FrameDecoder } from '../wire/decoder.ts';
import { encodeError, encodeErrorBody } from '../wire/error-body.ts';
import type { ErrorFields } from '../wire/error-body.ts';
import { createHeader, Flag, KIND_MASK } from '../wire/header.ts';
import type { FrameAddress, FrameHeader } from '../wire/header.ts';
import { decodeHelloRequest, encodeHelloReply, negotiateHello } from '../wire/hello.ts';
import { OapError } from '../wire/oap-error.ts';
import { Reject } from '../wire/reject.ts';
import type { ConnectionContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import { Inbound } from './inbound.ts';
import type { InboundHost } from './inbound.ts';
import { Messages } from './messages.ts';
import type { MessageHost } from './messages.ts';
import { Misbehaviour } from './misbehaviour.ts';
import { Outbound } from './outbound.ts';
import type { OutboundHost } from './outbound.ts';
import { encodeRefusal } from './refusal-body.ts';
import { Timeouts } from './timeouts.ts';

/** Where a connection stands; the order is the order of its life. DROPPED is destroyed and not yet told so. */
const Phase = { HELLO: 0, OPEN: 1, CLOSING: 2, DROPPED: 3, CLOSED: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

const START_END = Flag.START | Flag.END;
/** Control frames of the node's own, and errors about bytes that were no frame, belong to no request. */
const NO_REQUEST: FrameAddress = createHeader();
/** Faults after which the rest of the header can be trusted to say what it was about (specs/oap-1.md §8.1). */
const HEADER_REJECTS: ReadonlySet<Reject> = new Set<Reject>([
  Reject.bad_flags,
  Reject.cap_too_large,
  Reject.bad_cap_len,
  Reject.cap_on_nonstart,
]);

/**
 * One peer: reads frames, answers control frames itself, hands messages on, and
 * ends the connection when the peer breaks the rules (specs/oap-1.md §4, §5, §8).
 */
export class Connection implements TransportEvents, InboundHost, MessageHost, OutboundHost {
  readonly peer: Peer;
  readonly admission: ConnectionAdmission;
  /** When the current read began, monotonic milliseconds. */
  nowMs: number;
  draining = false;

  readonly #context: ConnectionContext;
  readonly #onClosed: (connection: Connection) => void;
  readonly #transport: Transport;
  readonly #inbound: Inbound;
  readonly #decoder: FrameDecoder;
  readonly #outbound: Outbound;
  readonly #timeouts: Timeouts;
  #messages: Messages | undefined;
  #misbehaviour: Misbehaviour | undefined;
  #phase: Phase = Phase.HELLO;
  #inputEnded = false;
  #goAway: { reason: string; drainMs: number } | undefined;

  /** @param onClosed called once when the connection is gone */
  constructor(
    context: ConnectionContext,
    transport: Transport,
    peer: Peer,
    admission: ConnectionAdmission,
    onClosed: (connection: Connection) => void,
  ) {
    this.#context = context;
    this.#onClosed = onClosed;
    this.#transport = transport;
    this.peer = peer;
    this.admission = admission;
    this.nowMs = context.clock.now();
    this.#timeouts = new Timeouts(this.nowMs, context.idleTimeoutMs);
    this.#inbound = new Inbound(this, transport, context.turns, context.refusals);
    this.#decoder = this.#inbound.decoder;
    this.#outbound = new Outbound(transport, context.writeBuffers, context.flushQueue, context.metrics, this);
    transport.open(this);
  }

  /** Requests in flight. */
  get inflight(): number {
    return this.#messages?.inflight ?? 0;
  }

  /** Tells the peer to go elsewhere; what is in flight goes on, new requests are refused. */
  goAway(reason: string, drainMs: number): void {
    this.draining = true;
    this.#goAway = { reason, drainMs };
    this.#timeouts.active(this.#context.clock.now());
    if (this.#phase === Phase.OPEN) this.#sendControl(ControlOp.GOAWAY, encodeGoAway({ reason, drainMs }));
  }

  /** Tells the peer of the newest revocation. */
  announceRevocation(revocationSeq: number): void {
    this.nowMs = this.#context.clock.now();
    this.#timeouts.active(this.nowMs);
    this.#messages?.review(this.nowMs);
    if (this.#phase === Phase.OPEN) this.#sendControl(ControlOp.REVOKED, encodeRevoked(revocationSeq));
  }

  /** Ends the connection at once. */
  destroy(): void {
    if (this.#phase >= Phase.DROPPED) return;
    this.#phase = Phase.DROPPED;
    this.#transport.destroy();
  }

  // Transport events

  onData(chunk: Uint8Array, bytes: number): void {
    if (this.#phase >= Phase.CLOSING) return;
    this.#context.metrics.bytesIn += bytes;
    this.#inbound.receive(chunk, bytes);
  }

  onDrain(): void {
    if (this.#phase >= Phase.DROPPED) return;
    this.#outbound.drained();
    this.#useRoom();
  }

  onRoom(): void {
    if (this.#phase >= Phase.DROPPED) return;
    this.#outbound.serveWaiting();
    this.#useRoom();
  }

  onOverflow(): void {
    this.#drop(Reject.slow_reader);
  }

  onEnd(): void {
    if (this.#phase >= Phase.CLOSING) return;
    if (this.#decoder.partialBytes > 0) {
      this.#drop(Reject.truncated);
      return;
    }
    this.#inputEnded = true;
    this.#messages?.cancelUnfinished();
    this.#closeWhenFinished();
  }

  onClose(): void {
    if (this.#phase === Phase.CLOSED) return;
    this.#phase = Phase.CLOSED;
    this.#inbound.abandon();
    this.#messages?.cancelAll();
    this.#outbound.closed();
    this.admission.close();
    this.#onClosed(this);
  }

  /** The peer has read: what waited for that goes on. */
  #useRoom(): void {
    this.#inbound.release();
    this.#closeWhenFinished();
  }

  /** Looks at every time-out and what is in flight; called each SWEEP_INTERVAL_MS. */
  sweep(nowMs: number): void {
    this.nowMs = nowMs;
    this.#messages?.review(nowMs);
    if (this.#inputEnded && !this.#transport.connected) {
      this.destroy();
      return;
    }
    const { partialBytes, partialLength } = this.#decoder;
    const due = this.#timeouts.check(nowMs, {
      closing: this.#phase === Phase.CLOSING,
      greeted: this.#phase >= Phase.OPEN,
      reading: !this.#inbound.held,
      partialBytes,
      partialLength,
      unsentBytes: this.#outbound.unsentBytes,
      inflight: this.inflight,
      draining: this.draining,
    });
    if (due === undefined) return;
    if (due === 'linger') this.#onLingered();
    else if (due === 'drained') this.#close();
    else if (due.reaction === 'C') this.fatal(due);
    else this.#drop(due);
  }

  // Reading

  get wantsFrames(): boolean {
    return this.#phase < Phase.CLOSING;
  }

  get congested(): boolean {
    return this.#outbound.congested;
  }

  onReadBegin(): void {
    this.nowMs = this.#context.clock.now();
    this.#outbound.corked = true;
  }

  onFrame(header: FrameHeader): void {
    if (this.#messages === undefined) this.#onFirstFrame(header);
    else if (header.app === APP_CONTROL) this.#onControl(header, this.#messages);
    else this.#messages.onFrame(header);
  }

  onReadEnd(frames: number): void {
    this.#outbound.corked = false;
    this.#timeouts.read(this.nowMs, frames, this.#decoder.partialBytes);
    this.#observeLatency();
    if (this.#decoder.reject !== undefined && this.wantsFrames) this.#onUndecodable(this.#decoder.reject);
    this.#outbound.flush();
  }

  #observeLatency(): void {
    const messages = this.#messages;
    if (messages === undefined || messages.answeredInRead === 0) return;
    const seconds = (this.#context.clock.now() - this.nowMs) / 1_000;
    this.#context.metrics.latency.observe(seconds, messages.answeredInRead);
    messages.answeredInRead = 0;
  }

  #onUndecodable(reject: Reject): void {
    const { header } = this.#decoder;
    const preauth = reject === Reject.frame_too_large && this.#phase === Phase.HELLO && header.len <= FRAME_BYTES_MAX;
    this.fatal(preauth ? Reject.preauth_too_large : reject, HEADER_REJECTS.has(reject) ? header : NO_REQUEST);
  }

  #onFirstFrame(header: FrameHeader): void {
    if (header.app !== APP_CONTROL || (header.flags & KIND_MASK) !== Flag.REQ || header.code !== ControlOp.HELLO) {
      this.fatal(Reject.hello_required, header);
      return;
    }
    const { buffer, capStart, payloadStart, payloadEnd } = this.#decoder;
    const hello = decodeHelloRequest(buffer.subarray(payloadStart, payloadEnd));
    if (!hello.ok) {
      this.fatal(hello.reject, header, hello.field === undefined ? {} : { detail: { field: hello.field } });
      return;
    }
    const refusal = this.admission.hello(header, buffer.subarray(capStart, payloadStart), this.nowMs);
    if (refusal !== undefined) {
      if (refusal.close === true) this.fatal(refusal.reject, header, refusal);
      else this.refuse(header, refusal);
      return;
    }
    const { reply, agreed } = negotiateHello(hello.request, this.#context.offer());
    this.#decoder.frameBytesMax = agreed.frameBytesMax;
    this.#messages = new Messages(this.#context, this, this.#decoder, this.#outbound, agreed);
    this.#phase = Phase.OPEN;
    this.#reply(header, Status.OK, encodeHelloReply(reply, hello.encoding));
    if (this.#goAway !== undefined) this.#sendControl(ControlOp.GOAWAY, encodeGoAway(this.#goAway));
  }

  #onControl(header: FrameHeader, messages: Messages): void {
    const kind = header.flags & KIND_MASK;
    if (kind === Flag.REQ) {
      const { buffer, payloadStart, payloadEnd } = this.#decoder;
      if (header.code === ControlOp.PING) this.#reply(header, Status.OK, buffer.subarray(payloadStart, payloadEnd));
      else this.refuse(header, new OapError(header.code === ControlOp.HELLO ? Reject.hello_repeated : Reject.op_unknown));
    } else if (kind === Flag.EVENT) {
      this.#onControlEvent(header, messages);
    } else if (kind === Flag.RESP) {
      this.discard(Reject.corr_unknown);
    } else {
      this.refuse(header, new OapError(Reject.bad_flags));
    }
  }

  #onControlEvent(header: FrameHeader, messages: Messages): void {
    switch (header.code) {
      case ControlOp.CREDIT: {
        const { view, payloadStart, payloadEnd } = this.#decoder;
        if (payloadEnd - payloadStart === CREDIT_BYTES) messages.onCredit(header, view.getUint32(payloadStart));
        else this.discard(Reject.bad_payload);
        break;
      }
      case ControlOp.CANCEL: {
        const startedMs = messages.onCancel(header);
        if (startedMs !== undefined && this.nowMs - startedMs < YOUNG_CANCEL_MS) {
          if (this.#faults().youngCancel(this.nowMs)) this.fatal(Reject.cancel_flood);
        }
        break;
      }
      case ControlOp.GOAWAY:
        // The client will open no new requests; it closes the connection itself.
        break;
      default:
        this.discard(Reject.op_unknown);
    }
  }

  // Writing

  #reply(to: FrameAddress, status: number, payload: Uint8Array): void {
    this.#outbound.append(to, Flag.RESP | START_END, status, payload, false);
  }

  #sendControl(op: number, payload: Uint8Array): void {
    this.#outbound.append(NO_REQUEST, Flag.EVENT | START_END, op, payload, false);
  }

  // MessageHost: how the connection says no

  refuse(to: FrameAddress, error: OapError | Refusal): void {
    const { reject } = error;
    this.#context.metrics.reject(reject);
    // A full or failing node is no fault of the peer: it is always told, and never cut off for asking.
    const fault = !reject.retryable && reject !== Reject.internal;
    if (!fault || this.#faults().mayAnswer(this.nowMs)) this.#reply(to, reject.status, encodeRefusal(error));
    if (fault) this.#glitch();
    else this.#inbound.refused(this.nowMs);
  }

  sendError(exchange: Exchange, error: OapError): void {
    this.#context.metrics.reject(error.reject);
    this.#reply(exchange, error.status, encodeError(error));
  }

  discard(reject: Reject): void {
    this.#context.metrics.reject(reject);
    this.#glitch();
  }

  mayAnswerUnknownCorr(): boolean {
    return ++this.#faults().unknownCorrAnswers <= UNKNOWN_CORR_ANSWERS_MAX;
  }

  needlessAckRequest(): void {
    if (this.#faults().needlessAckRequest(this.nowMs)) this.fatal(Reject.flood);
  }

  messageFinished(): void {
    if (this.#inputEnded) setImmediate(this.#closeWhenFinished);
  }

  /** Ends the connection after an error frame: the peer gets CLOSE_LINGER_MS to read it. */
  fatal(reject: Reject, to: FrameAddress = NO_REQUEST, fields: ErrorFields = {}): void {
    if (this.#phase >= Phase.CLOSING) return;
    this.#phase = Phase.CLOSING;
    this.#context.metrics.reject(reject);
    this.#log(reject);
    this.#messages?.cancelAll();
    this.#reply(to, reject.status, encodeErrorBody(reject, fields));
    this.#outbound.end();
    this.#timeouts.closing(this.nowMs + CLOSE_LINGER_MS);
    // What still arrives is thrown away unread; an unread byte would turn the FIN into a reset.
    this.#inbound.abandon();
  }

  /** Closes without a word. */
  #drop(reject: Reject): void {
    if (this.#phase >= Phase.DROPPED) return;
    this.#context.metrics.reject(reject);
    this.#log(reject);
    this.destroy();
  }

  /** Time is up after a FIN: whoever has not even taken the last frame did not read. */
  #onLingered(): void {
    if (this.#outbound.empty) this.destroy();
    else this.#drop(Reject.slow_reader);
  }

  #glitch(): void {
    this.#context.metrics.glitches++;
    if (this.#faults().glitch(this.nowMs)) this.fatal(Reject.flood);
  }

  #faults(): Misbehaviour {
    return (this.#misbehaviour ??= new Misbehaviour());
  }

  #log(reject: Reject): void {
    this.#context.logger.debug({ reason: reject.reason, peer: this.peer.address }, 'connection closed');
  }

  /** After a half-close: all that was asked is answered, so the other half can go. */
  readonly #closeWhenFinished = (): void => {
    if (this.#inputEnded && this.wantsFrames && this.inflight === 0 && !this.#inbound.held && this.#outbound.empty) {
      this.#close();
    }
  };

  /** Ends a connection on which nothing is left to say. */
  #close(): void {
    this.#phase = Phase.CLOSING;
    this.#outbound.end();
    this.#timeouts.closing(this.#context.clock.now() + CLOSE_LINGER_MS);
  }
}
