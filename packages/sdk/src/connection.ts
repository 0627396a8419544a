import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  APP_CONTROL,
  ControlOp,
  corrToText,
  createHeader,
  CREDIT_BYTES,
  decodeErrorBody,
  decodeGoAway,
  decodeRevoked,
  Flag,
  FRAME_BYTES_MAX,
  FrameDecoder,
  HEADER_BYTES,
  KIND_MASK,
  OapError,
  Reject,
  STREAM_FRAME_BYTES,
} from '@omnigate/kernel/wire';
import type { FrameHeader, GoAway, HelloReply } from '@omnigate/kernel/wire';
import type { ConnectionContext } from './connection-context.ts';
import { connectFailure, foreignBytes, socketFailure } from './connect-failure.ts';
import type { Exchange } from './exchange.ts';
import { readHelloReply } from './hello.ts';
import { InFlight } from './in-flight.ts';
import type { InFlightHost } from './in-flight.ts';
import { KeepAlive } from './keep-alive.ts';
import { CLOSE_LINGER_MS, DRAIN_GRACE_MS, DRAIN_MS_ASSUMED } from './limits.ts';
import { Outbound } from './outbound.ts';
import type { Outcome } from './retry.ts';
import { openSocket } from './socket.ts';
import { monotonicMs } from './sweep.ts';

const NOTHING = new Uint8Array(0);
const START_END = Flag.START | Flag.END;
/** Address of frames that belong to the connection itself. */
const OWN = createHeader();

/** Where a connection stands; the order is the order of its life. */
const Phase = { HELLO: 0, OPEN: 1, ENDING: 2, CLOSED: 3 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** What a connection tells its client. */
export interface ConnectionEvents {
  /** The HELLO was answered, and what came with the answer was read. */
  opened(connection: ClientConnection): void;
  /** The node sends new requests elsewhere; what is in flight goes on. */
  drains(connection: ClientConnection, goAway: GoAway): void;
  /** The node's revocation sequence changed. */
  revoked(revocationSeq: number): void;
  /** Requests ended, so that others may fit. */
  freed(): void;
  /** An attempt of an exchange failed. */
  failed(exchange: Exchange, error: OapError, outcome: Outcome): void;
  /** The node refused an event. */
  refused(error: OapError): void;
  /** The connection is gone; everything in flight was reported before. */
  closed(connection: ClientConnection, error: OapError): void;
  /** Asks for a call of `sweep()`. */
  wantSweep(atMs: number): void;
}

/** One connection to the node, from dialling to its end (specs/oap-1.md §4, §5, §10). */
export class ClientConnection implements InFlightHost {
  /** What was negotiated; undefined until the HELLO was answered. */
  hello: HelloReply | undefined;
  /** New requests go elsewhere. */
  draining = false;
  /** When the HELLO was answered, monotonic milliseconds. */
  openedAt = 0;

  readonly #context: ConnectionContext;
  readonly #events: ConnectionEvents;
  readonly #socket: Socket;
  // No frame of a stream lies whole in one read, and memory that grows with what comes would be copied twice.
  readonly #decoder = new FrameDecoder(FRAME_BYTES_MAX, STREAM_FRAME_BYTES + HEADER_BYTES);
  readonly #outbound: Outbound;
  #inFlight: InFlight | undefined;
  #phase: Phase = Phase.HELLO;
  /** When this phase has to be over, whatever happens. */
  #phaseEndsAt: number;
  #announced = false;
  #goAway: GoAway | undefined;
  #alive: KeepAlive | undefined;
  /** Why this side ended the connection. */
  #error: OapError | undefined;
  /** What the node said before it closed. */
  #farewell: OapError | undefined;
  #socketError: Error | undefined;

  constructor(context: ConnectionContext, events: ConnectionEvents) {
    const { endpoint } = context;
    this.#context = context;
    this.#events = events;
    this.#phaseEndsAt = monotonicMs() + context.connectTimeoutMs;
    this.#socket = openSocket(endpoint, this.#onBytes);
    this.#outbound = new Outbound(this.#socket, context.buffers, this.#onDrain);
    this.#socket.once(endpoint.tls === undefined ? 'connect' : 'secureConnect', this.#onConnect);
    this.#socket.on('error', (error) => {
      this.#socketError = error;
    });
    this.#socket.on('close', this.#onClose);
    events.wantSweep(this.#phaseEndsAt);
  }

  /** Requests in flight. */
  get size(): number {
    return this.#inFlight?.size ?? 0;
  }

  /** Whether it brought a reply, and so was worth its while. */
  get served(): boolean {
    return this.#inFlight?.served ?? false;
  }

  /** The requests in flight, as a copy. */
  exchanges(): Exchange[] {
    return this.#inFlight?.all() ?? [];
  }

  /** The time when this turn began to collect, monotonic milliseconds. */
  get nowMs(): number {
    return this.#outbound.nowMs;
  }

  /** Sends a request, which may be passing one that waits; false when it does not fit now. */
  start(exchange: Exchange, passing = false): boolean {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || this.draining || this.#phase !== Phase.OPEN || !inFlight.hasRoom(exchange, passing)) return false;
    inFlight.start(exchange);
    return true;
  }

  /** Takes no new requests, and closes as soon as nothing is in flight or the time is over. */
  retire(withinMs: number): void {
    this.draining = true;
    if (this.#phase > Phase.OPEN) return;
    this.#limitPhase(withinMs);
    this.#endWhenIdle();
  }

  /** Closes at once. */
  destroy(error: OapError): void {
    this.#error ??= error;
    if (this.#phase < Phase.ENDING) this.#phase = Phase.ENDING;
    this.#socket.destroy();
  }

  /** Looks at every time limit. */
  sweep(nowMs: number): void {
    if (this.#phase === Phase.CLOSED) return;
    if (nowMs >= this.#phaseEndsAt) {
      this.#onPhaseTimeout();
      return;
    }
    if (this.#phaseEndsAt !== Number.POSITIVE_INFINITY) this.wantSweep(this.#phaseEndsAt);
    if (this.#phase !== Phase.OPEN) return;
    this.#inFlight?.sweep(nowMs);
    if (this.#alive !== undefined) this.#keepAlive(this.#alive, nowMs);
    this.#afterInput();
  }

  // InFlightHost

  failed(exchange: Exchange, error: OapError, outcome: Outcome): void {
    if (outcome === 'refused' && error.reason === Reject.draining.reason && !this.draining) {
      this.#drain({ reason: error.message, drainMs: DRAIN_MS_ASSUMED });
    }
    this.#events.failed(exchange, error, outcome);
  }

  protocolError(what: string): void {
    const message = `The node at ${this.#context.endpoint.url} broke the protocol: ${what}.`;
    this.destroy(new OapError(Reject.bad_response, { message }));
  }

  wantSweep(atMs: number): void {
    this.#events.wantSweep(atMs);
  }

  // Socket events

  readonly #onConnect = (): void => {
    if (this.#socket instanceof TLSSocket && this.#socket.alpnProtocol !== 'oap/1') {
      const what = 'the server did not select the ALPN protocol oap/1';
      this.destroy(connectFailure('tls_alpn', this.#context.endpoint.url, what));
    } else {
      this.#socket.write(this.#context.hello.bytes);
    }
  };

  readonly #onBytes = (chunk: Uint8Array, bytes: number): void => {
    if (this.#phase >= Phase.ENDING) return;
    const decoder = this.#decoder;
    const outbound = this.#outbound;
    outbound.nowMs = monotonicMs();
    if (this.#alive !== undefined) this.#alive.readAt = outbound.nowMs;
    outbound.corked = true;
    decoder.feed(chunk, bytes);
    while (this.#error === undefined && decoder.next()) this.#onFrame(decoder.header);
    outbound.corked = false;
    if (decoder.reject !== undefined) this.#onUndecodable(decoder.reject, chunk.subarray(0, bytes));
    this.#afterInput();
    outbound.flush();
  };

  readonly #onDrain = (): void => {
    // Whole requests first: they are small, and bulk would fill the room again.
    this.#events.freed();
    this.#inFlight?.drained();
    this.#endWhenIdle();
  };

  readonly #onClose = (): void => {
    const error = this.#closeError();
    this.#phase = Phase.CLOSED;
    this.#inFlight?.lose(`The connection to ${this.#context.endpoint.url} ended`, error);
    this.#events.closed(this, error);
  };

  #closeError(): OapError {
    const { url } = this.#context.endpoint;
    const cause = this.#farewell ?? this.#socketError;
    if (this.#error !== undefined) return this.#error;
    if (this.hello === undefined) {
      return this.#socketError === undefined
        ? connectFailure('closed', url, 'the server closed the connection before it answered the HELLO')
        : socketFailure(url, this.#socketError);
    }
    const why = this.#farewell === undefined ? '' : `: ${this.#farewell.reason}`;
    const what = this.#socketError === undefined ? `the node closed it${why}` : this.#socketError.message;
    return new OapError(Reject.connection_lost, { message: `The connection to ${url} ended: ${what}.`, cause });
  }

  // Frames

  #onFrame(header: FrameHeader): void {
    const inFlight = this.#inFlight;
    const kind = header.flags & KIND_MASK;
    if (inFlight === undefined) {
      this.#onHelloReply(header);
    } else if (kind === Flag.RESP) {
      if (!inFlight.onReply(header)) this.#onStrayReply(header);
    } else if (kind === Flag.EVENT) {
      if (header.app === APP_CONTROL) this.#onControlEvent(header, inFlight);
    } else {
      this.protocolError('a frame that is neither a reply nor an event');
    }
  }

  #onHelloReply(header: FrameHeader): void {
    const { endpoint, payloads, replyWindowBytes, compression, capability } = this.#context;
    const hello = readHelloReply(endpoint.url, header, this.#payload(), capability.renewable);
    if (hello instanceof OapError) {
      this.destroy(hello);
      return;
    }
    this.hello = hello;
    this.openedAt = this.#outbound.nowMs;
    this.#phase = Phase.OPEN;
    this.#phaseEndsAt = Number.POSITIVE_INFINITY;
    this.#alive = new KeepAlive(hello.idle_timeout_ms, this.openedAt);
    this.#decoder.frameBytesMax = hello.max_frame;
    const agreement = { hello, helloRound: this.#context.hello.round, replyWindowBytes, compression };
    this.#inFlight = new InFlight(this, this.#decoder, this.#outbound, payloads, capability, agreement);
    this.wantSweep(this.#alive.dueAt);
  }

  #payload(): Uint8Array {
    return this.#context.payloads.take(this.#decoder);
  }

  #onControlEvent(header: FrameHeader, inFlight: InFlight): void {
    const { view, payloadStart, payloadEnd } = this.#decoder;
    if (header.code === ControlOp.CREDIT) {
      if (payloadEnd - payloadStart === CREDIT_BYTES) inFlight.onCredit(header, view.getUint32(payloadStart));
      else this.protocolError('a CREDIT that is not 4 bytes');
    } else if (header.code === ControlOp.GOAWAY) {
      this.#drain(decodeGoAway(this.#payload()));
    } else if (header.code === ControlOp.REVOKED) {
      const revocationSeq = decodeRevoked(this.#payload());
      if (revocationSeq !== undefined) this.#events.revoked(revocationSeq);
    }
  }

  /** A reply that nobody waits for: to a keep-alive PING, to what was let go, the refusal of an event, or a farewell. */
  #onStrayReply(header: FrameHeader): void {
    if (header.code >= 200 && header.code < 300) return;
    const error = decodeErrorBody(header.code, this.#payload(), corrToText(header.corrHi, header.corrLo));
    if (header.app === APP_CONTROL && header.corrHi === 0 && header.corrLo === 0) this.#farewell = error;
    else if (this.#inFlight?.isAboutEvent(header) === true) this.#events.refused(error);
  }

  #onUndecodable(reject: Reject, bytes: Uint8Array): void {
    if (this.hello === undefined) this.destroy(foreignBytes(this.#context.endpoint.url, bytes));
    else this.protocolError(`a frame that cannot be decoded (${reject.reason})`);
  }

  // Time and the end

  /** What frames, deadlines and retirement leave to be done once per read. */
  #afterInput(): void {
    const inFlight = this.#inFlight;
    if (inFlight === undefined || this.#phase !== Phase.OPEN) return;
    if (!this.#announced) {
      this.#announced = true;
      this.#events.opened(this);
    }
    if (this.#goAway !== undefined) {
      this.#events.drains(this, this.#goAway);
      this.#goAway = undefined;
    }
    if (inFlight.freed) {
      inFlight.freed = false;
      this.#events.freed();
    }
    this.#endWhenIdle();
  }

  /** Stops taking requests; the rest happens when all of this read was handled. */
  #drain(goAway: GoAway): void {
    this.draining = true;
    this.#goAway = goAway;
    this.#limitPhase(goAway.drainMs + DRAIN_GRACE_MS);
  }

  #endWhenIdle(): void {
    if (!this.draining || this.#phase !== Phase.OPEN || this.size > 0) return;
    this.#outbound.flush();
    if (!this.#outbound.empty) return;
    this.#phase = Phase.ENDING;
    this.#socket.end();
    this.#limitPhase(CLOSE_LINGER_MS);
  }

  #limitPhase(withinMs: number): void {
    this.#phaseEndsAt = monotonicMs() + withinMs;
    this.wantSweep(this.#phaseEndsAt);
  }

  #onPhaseTimeout(): void {
    const { endpoint, connectTimeoutMs } = this.#context;
    if (this.#phase === Phase.HELLO) {
      const what = this.#socket.connecting ? 'nothing answered' : 'the server accepted the connection but did not answer the HELLO';
      this.destroy(connectFailure('timeout', endpoint.url, `${what} within ${connectTimeoutMs} ms`));
    } else {
      const message = `The connection to ${endpoint.url} was given up at the end of its drain time.`;
      this.destroy(new OapError(Reject.connection_lost, { message }));
    }
  }

  /** Hears whether the node is alive. */
  #keepAlive(keepAlive: KeepAlive, nowMs: number): void {
    const sign = keepAlive.check(nowMs);
    if (sign === 'dead') {
      const message = `The node at ${this.#context.endpoint.url} gave no sign of life for ${nowMs - keepAlive.readAt} ms.`;
      this.destroy(new OapError(Reject.connection_lost, { message }));
      return;
    }
    if (sign === 'ask') this.#outbound.append(OWN, Flag.REQ | START_END, ControlOp.PING, NOTHING, 0, 0);
    this.wantSweep(keepAlive.dueAt);
  }
}
