import { Socket } from 'node:net';
import { READ_BUFFER_BYTES } from '../limits.ts';

/** What a transport tells its connection. */
export interface TransportEvents {
  /** `chunk[0..bytes)` arrived; it is valid until this returns. */
  onData(chunk: Uint8Array, bytes: number): void;
  /** What was written has left for the operating system; there is room again. */
  onDrain(): void;
  /** The peer will send nothing more. */
  onEnd(): void;
  /** The socket is gone, for whatever reason. */
  onClose(): void;
}

/**
 * A read is handed over before the next one starts, so one buffer serves all
 * connections of the thread: an idle connection costs no read memory, and no
 * read allocates. Windows posts its reads ahead of time and needs one each.
 */
const sharedReadBuffer = process.platform === 'win32' ? undefined : Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

/** What Node keeps behind a socket and has no public name for. */
interface SocketInternals {
  _handle: (HandleInternals & { readonly _parent?: HandleInternals }) | null;
}

interface HandleInternals {
  readonly writeQueueSize?: number;
  getpeername?(into: object): number;
}

/**
 * Moves bytes between a socket and a connection: reads into a shared buffer,
 * writes segments in one system call, and knows whether the peer keeps up.
 */
export class Transport {
  readonly #socket: Socket;
  #events: TransportEvents | undefined;
  #blocked = false;
  #closeTold = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('end', () => this.#events?.onEnd());
    socket.on('close', this.#onClose);
    // Every error is followed by 'close', which is where the connection ends.
    socket.on('error', () => undefined);
  }

  /**
   * A transport over a socket that a server accepted with `pauseOnConnect`.
   *
   * `net.Server` cannot be told to use a read buffer, only `net.Socket` can, so
   * the handle moves to a socket made here. That saves a third of the CPU per
   * request (docs/adr/0003); without the handle the socket is used as it is.
   *
   * @param onClosed called once when the socket is gone
   */
  static accept(accepted: Socket, onClosed: () => void): Transport {
    const internals = accepted as unknown as SocketInternals;
    const handle = internals._handle;
    if (sharedReadBuffer === undefined || handle === null) {
      accepted.once('close', onClosed);
      return Transport.wrap(accepted);
    }
    internals._handle = null;
    // Without its handle this only tells the server that the socket left its books.
    accepted.destroy();
    const holder: { transport?: Transport } = {};
    const options = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: sharedReadBuffer,
        callback: (bytes: number): boolean => {
          holder.transport?.receive(sharedReadBuffer, bytes);
          return true;
        },
      },
    };
    const socket = new Socket(options);
    socket.once('close', onClosed);
    const transport = new Transport(socket);
    holder.transport = transport;
    return transport;
  }

  /** A transport over any socket that reports its data by events, such as one with TLS. */
  static wrap(socket: Socket): Transport {
    const transport = new Transport(socket);
    socket.setNoDelay(true);
    socket.pause();
    socket.on('data', (chunk: Buffer) => {
      transport.receive(chunk, chunk.length);
    });
    return transport;
  }

  /** Starts to read; from here on `events` hears of everything. */
  open(events: TransportEvents): void {
    this.#events = events;
    if (this.#socket.closed) {
      queueMicrotask(this.#onClose);
    } else {
      this.#socket.resume();
    }
  }

  /** True while an earlier write has not left yet; collect instead of writing more. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /**
   * Bytes on their way to the operating system, which change as soon as the peer
   * takes any. With TLS its own queue stands still for megabytes while the one
   * below it moves, so both count.
   */
  get unsentBytes(): number {
    const handle = (this.#socket as unknown as SocketInternals)._handle;
    if (handle?.writeQueueSize === undefined) return this.#socket.writableLength;
    return handle.writeQueueSize + (handle._parent?.writeQueueSize ?? 0);
  }

  /**
   * Whether there is still somebody at the other end. A reset that arrives right
   * behind data is reported as a half-close, after which no event would ever tell.
   */
  get connected(): boolean {
    const handle = (this.#socket as unknown as SocketInternals)._handle;
    return handle?.getpeername === undefined || handle.getpeername({}) === 0;
  }

  /** Writes all segments at once; true when nothing of them is needed any more, else `onDrain` will tell. */
  write(segments: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    const last = segments.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(segments[i] as Uint8Array);
    socket.write(segments[last] as Uint8Array, this.#onWritten);
    if (last > 0) socket.uncork();
    this.#blocked = socket.writableLength > 0;
    return !this.#blocked;
  }

  /** Stops reading; the peer is slowed down by TCP. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  /** Sends a FIN behind everything written. */
  end(): void {
    this.#socket.end();
  }

  /** Closes at once and drops what is unsent. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Tells once, also when the socket was gone before anybody listened. */
  readonly #onClose = (): void => {
    const events = this.#events;
    if (events === undefined || this.#closeTold) return;
    this.#closeTold = true;
    events.onClose();
  };

  readonly #onWritten = (): void => {
    if (this.#blocked && this.#socket.writableLength === 0) {
      this.#blocked = false;
      this.#events?.onDrain();
    }
  };

  private receive(chunk: Uint8Array, bytes: number): void {
    this.#events?.onData(chunk, bytes);
  }
}
