import { dial } from '@omnigate/kernel';
import type { DialTlsOptions, ListenAddress, Transport } from '@omnigate/kernel';
import { APP_CONTROL, ControlOp, decodeErrorBody, decodeFrame, encodeFrame, Flag, Status } from '@omnigate/kernel/wire';
import type { Frame, OapError } from '@omnigate/kernel/wire';
import { EXPECT_TIMEOUT_MS } from './bounds.ts';

/** A frame to send; what is absent is zero or empty. */
export type FrameFields = Partial<Frame> & Pick<Frame, 'flags' | 'app'>;

/** An error reply: its frame and the error it stands for. */
export interface ErrorFrame {
  readonly frame: Frame;
  readonly error: OapError;
}

/**
 * A peer that sends exactly the bytes it is told to, and shows exactly what
 * comes back: for tests of the protocol, where a client library would help too
 * much. It closes its half when the node closes the other.
 */
export class RawPeer implements AsyncDisposable {
  readonly #transport: Transport;
  #received = Buffer.alloc(0);
  #wake: (() => void)[] = [];
  #ended = false;
  #closed = false;

  private constructor(transport: Transport) {
    this.#transport = transport;
    transport.open({
      onData: (chunk, bytes) => {
        this.#received = Buffer.concat([this.#received, chunk.subarray(0, bytes)]);
        this.#changed();
      },
      onDrain: () => undefined,
      onEnd: () => {
        this.#ended = true;
        transport.end();
        this.#changed();
      },
      onClose: () => {
        this.#closed = true;
        this.#changed();
      },
    });
  }

  /** Connects and sends nothing. */
  static async connect(address: ListenAddress, tls?: DialTlsOptions): Promise<RawPeer> {
    return new RawPeer(await dial({ host: address.host, port: address.port }, tls));
  }

  /** Connects and says HELLO with an empty body. */
  static async greeted(address: ListenAddress, tls?: DialTlsOptions): Promise<RawPeer> {
    const peer = await RawPeer.connect(address, tls);
    await peer.hello();
    return peer;
  }

  /** Says HELLO and returns the reply. */
  async hello(payload: Uint8Array = new Uint8Array(0)): Promise<Frame> {
    this.send({ flags: Flag.REQ | Flag.START | Flag.END, app: APP_CONTROL, code: ControlOp.HELLO, payload });
    return this.frame({ app: APP_CONTROL, code: Status.OK });
  }

  /** Sends bytes as they are, or one frame. */
  send(what: Uint8Array | FrameFields): void {
    this.#transport.write([what instanceof Uint8Array ? what : encodeFrame(what)]);
  }

  /**
   * The next frame; the fields of `expected` must be as they are there.
   *
   * @throws Error when it differs, or the node closes, or sends nothing in time
   */
  async frame(expected: Partial<Omit<Frame, 'payload' | 'capability'>> = {}, timeoutMs = EXPECT_TIMEOUT_MS): Promise<Frame> {
    const frame = await this.#until(() => this.#take(), timeoutMs, 'frame');
    for (const [field, value] of Object.entries(expected)) {
      const actual = frame[field as keyof Frame];
      if (actual !== value) throw new Error(`${field} is ${String(actual)} and not ${String(value)}: ${describe(frame)}`);
    }
    return frame;
  }

  /** The next frame, which must be an error with this reason. */
  async error(reason: string, timeoutMs = EXPECT_TIMEOUT_MS): Promise<ErrorFrame> {
    const frame = await this.frame({}, timeoutMs);
    if (frame.code < Status.BAD_REQUEST) throw new Error(`no error ${reason}: ${describe(frame)}`);
    const error = errorOf(frame);
    if (error.reason !== reason) throw new Error(`${error.reason} and not ${reason}: ${describe(frame)}`);
    return { frame, error };
  }

  /** Resolves when the node has closed its half, or all of the connection; fails if a frame comes first. */
  async ended(timeoutMs = EXPECT_TIMEOUT_MS): Promise<void> {
    await this.#until(() => this.#ended || this.#closed || undefined, timeoutMs, 'end of the connection');
    if (this.#received.length > 0) throw new Error(`bytes before the end${this.#rest()}`);
  }

  /** Sends a FIN. */
  end(): void {
    this.#transport.end();
  }

  /** Stops reading, so that what the node sends piles up. */
  pause(): void {
    this.#transport.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#transport.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#transport.destroy();
    await this.#until(() => this.#closed || undefined, EXPECT_TIMEOUT_MS, 'close event');
  }

  /** The first frame of what was received, if it is complete. */
  #take(): Frame | undefined {
    const result = decodeFrame(this.#received);
    if (result.verdict === 'err') throw new Error(`the node sent no frame: ${result.reject.reason}${this.#rest()}`);
    if (result.verdict === 'ok') {
      this.#received = this.#received.subarray(result.bytes);
      return result.frame;
    }
    if (this.#ended || this.#closed) throw new Error(`the node closed the connection${this.#rest()}`);
    return undefined;
  }

  /** What `look` finds, as soon as it finds something. */
  async #until<T>(look: () => T | undefined, timeoutMs: number, what: string): Promise<T> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`no ${what} within ${timeoutMs} ms${this.#rest()}`);
      await this.#change(leftMs);
    }
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #rest(): string {
    return this.#received.length === 0 ? '' : ` (unread: ${this.#received.subarray(0, 64).toString('hex')})`;
  }
}

function errorOf(frame: Frame): OapError {
  return decodeErrorBody(frame.code, frame.payload, String(frame.corrId));
}

function describe(frame: Frame): string {
  const { flags, app, code, corrId, payload } = frame;
  const body = code >= Status.BAD_REQUEST ? `: ${errorOf(frame).message}` : '';
  return `flags ${flags}, app ${app}, code ${code}, corr_id ${corrId}, ${payload.length} bytes${body}`;
}
