import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { READ_BUFFER_BYTES } from '../bounds.ts';
import type { Address } from '../process/worker-protocol.ts';
import type { Framing } from './framing.ts';

/**
 * The raw client: callbacks instead of promises, one static read buffer, one
 * write for all requests that a read makes room for. It is the same for every
 * protocol, so that two servers measured with it differ by themselves alone.
 */
export class EchoConnection implements Disposable {
  /** Called with the number of replies that a read completed. */
  onReplies: (replies: number) => void = () => undefined;
  /** Called once when the connection fails while it is in use. */
  onFailure: (error: Error) => void = () => undefined;

  readonly #framing: Framing;
  readonly #socket: Socket;
  #requests: Buffer;
  #greeted: () => void = () => undefined;
  #open: boolean;

  private constructor(address: Address, framing: Framing, inFlight: number) {
    this.#framing = framing;
    this.#open = framing.greeting === undefined;
    this.#requests = this.#newRequests(inFlight * framing.requestBytes);
    const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    this.#socket = connect({
      ...address,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (bytes: number): boolean => {
          this.#onRead(readBuffer, bytes);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => {
      this.onFailure(error);
    });
    this.#socket.on('end', () => {
      this.onFailure(new Error('the server closed the connection'));
    });
  }

  /**
   * Connects, and greets where the protocol has a greeting.
   *
   * @param inFlight most requests that will be sent at a time
   */
  static async open(address: Address, framing: Framing, inFlight: number): Promise<EchoConnection> {
    const connection = new EchoConnection(address, framing, inFlight);
    await once(connection.#socket, 'connect');
    if (framing.greeting !== undefined) {
      const greeting = framing.greeting;
      await new Promise<void>((resolve, reject) => {
        connection.#greeted = resolve;
        connection.onFailure = reject;
        connection.#socket.write(greeting);
      });
    }
    return connection;
  }

  /** Sends `count` requests in one write. */
  send(count: number): void {
    // What the kernel did not take at once is still read from this memory.
    if (this.#socket.writableLength > 0) this.#requests = this.#newRequests(this.#requests.length);
    this.#framing.stamp(this.#requests, count);
    this.#socket.write(this.#requests.subarray(0, count * this.#framing.requestBytes));
  }

  [Symbol.dispose](): void {
    this.onFailure = () => undefined;
    this.#socket.destroy();
  }

  #newRequests(bytes: number): Buffer {
    const requests = Buffer.allocUnsafeSlow(bytes);
    this.#framing.fill(requests);
    return requests;
  }

  #onRead(chunk: Buffer, bytes: number): void {
    let replies: number;
    try {
      replies = this.#framing.read(chunk, bytes);
    } catch (error) {
      this.onFailure(error as Error);
      this.#socket.destroy();
      return;
    }
    const refused = this.#framing.refused?.() ?? 0;
    if (refused > 0) this.send(refused);
    if (replies === 0) return;
    if (this.#open) {
      this.onReplies(replies);
    } else {
      this.#open = true;
      this.#greeted();
    }
  }
}
