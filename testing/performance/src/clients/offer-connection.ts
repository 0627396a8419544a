import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { APP_CONTROL, ControlOp, encodeFrame, encodeHelloRequest, Flag, FrameDecoder, HEADER_BYTES } from '@omnigate/kernel/wire';
import { OFFER_IN_FLIGHT_MAX, READ_BUFFER_BYTES } from '../bounds.ts';
import type { Address } from '../process/worker-protocol.ts';
import { payloadOf } from './framing.ts';

/** What a connection asks for, and in whose name. */
export interface OfferedRequest {
  readonly app: number;
  readonly payloadBytes: number;
  /** 32 hex digits. */
  readonly tenant: string;
  readonly capability: Uint8Array;
}

/** Offset of the low word of corr_id, the last of the header. */
const CORR_LOW_OFFSET = HEADER_BYTES - 4;
const WHOLE_REQUEST = Flag.REQ | Flag.START | Flag.END;

/** A raw connection that takes a refusal for an answer, and knows how long each took. */
export class OfferConnection implements Disposable {
  /** Called for each answer. */
  onAnswer: (status: number, latencyMs: number) => void = () => undefined;
  /** Called when all answers of a read are in. */
  onRead: () => void = () => undefined;
  /** False once the server ended the connection. */
  open = true;
  inFlight = 0;

  readonly #request: Buffer;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();
  /** When each was sent, by the low bits of its corr_id. */
  readonly #sentMs = new Float64Array(OFFER_IN_FLIGHT_MAX);
  #corr = 0;

  private constructor(socket: Socket, request: OfferedRequest) {
    this.#socket = socket;
    const { app, tenant, payloadBytes } = request;
    this.#request = Buffer.from(encodeFrame({ app, tenant, flags: WHOLE_REQUEST, code: 0, payload: payloadOf(payloadBytes) }));
  }

  static async open(address: Address, request: OfferedRequest, localAddress = '127.0.0.1'): Promise<OfferConnection> {
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    const holder: { connection?: OfferConnection } = {};
    const onread = {
      buffer,
      callback: (bytes: number): boolean => {
        holder.connection?.read(buffer, bytes);
        return true;
      },
    };
    const socket = connect({ ...address, localAddress, noDelay: true, onread });
    const connection = new OfferConnection(socket, request);
    holder.connection = connection;
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    socket.on('close', () => {
      connection.open = false;
    });
    const hello = encodeHelloRequest({ client: 'omnigate-performance' });
    const { tenant, capability } = request;
    const greeted = new Promise<number>((resolve) => {
      connection.onAnswer = resolve;
      socket.on('close', () => {
        resolve(0);
      });
    });
    socket.write(encodeFrame({ app: APP_CONTROL, flags: WHOLE_REQUEST, code: ControlOp.HELLO, tenant, capability, payload: hello }));
    const status = await greeted;
    if (status !== 200) throw new Error(`HELLO was answered with ${status}`);
    connection.onAnswer = () => undefined;
    return connection;
  }

  /** Sends up to `count` requests in one write; returns how many there was room for. */
  send(count: number): number {
    const number = Math.min(count, OFFER_IN_FLIGHT_MAX - this.inFlight);
    if (!this.open || number <= 0 || this.#socket.writableLength > READ_BUFFER_BYTES) return 0;
    const { length } = this.#request;
    const frames = Buffer.allocUnsafe(number * length);
    const nowMs = performance.now();
    for (let at = 0; at < frames.length; at += length) {
      frames.set(this.#request, at);
      this.#corr = (this.#corr + 1) | 0;
      frames.writeInt32BE(this.#corr, at + CORR_LOW_OFFSET);
      this.#sentMs[this.#corr & (OFFER_IN_FLIGHT_MAX - 1)] = nowMs;
    }
    this.inFlight += number;
    this.#socket.write(frames);
    return number;
  }

  [Symbol.dispose](): void {
    this.open = false;
    this.#socket.destroy();
  }

  private read(chunk: Buffer, bytes: number): void {
    const decoder = this.#decoder;
    const nowMs = performance.now();
    decoder.feed(chunk, bytes);
    while (decoder.next()) {
      const { app, flags, code, corrLo } = decoder.header;
      if ((flags & Flag.RESP) === 0) continue;
      if (app !== APP_CONTROL) this.inFlight--;
      this.onAnswer(code, nowMs - (this.#sentMs[corrLo & (OFFER_IN_FLIGHT_MAX - 1)] as number));
    }
    this.onRead();
  }
}
