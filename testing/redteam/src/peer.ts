import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { ListenAddress } from '@omnigate/kernel';
import { corrToBigInt, FrameDecoder, tenantToHex } from '@omnigate/kernel/wire';
import type { Frame, HelloRequest } from '@omnigate/kernel/wire';
import { hello } from './frames.ts';
import { PATIENCE_MS } from './patience.ts';

/** How to connect, where that is not just TCP. */
export interface PeerOptions {
  readonly tls?: ConnectionOptions;
  /** Such as 127.0.0.2: the node counts connections by address. */
  readonly localAddress?: string;
}

/** How to greet. */
export interface GreetingOptions extends PeerOptions {
  readonly hello?: HelloRequest;
  /** Capability on the HELLO, and its tenant. */
  readonly capability?: Uint8Array;
  readonly tenant?: string;
}

/**
 * The far end of a connection on a bare socket: sends what it is told, legal or
 * not, keeps what comes back, and closes nothing by itself.
 */
export class Peer {
  readonly socket: Socket;
  /** Frames received and not taken. */
  readonly inbox: Frame[] = [];
  /** How the node ended the connection, once it did. */
  end: 'fin' | 'reset' | undefined;
  readonly #tcp: Socket;
  readonly #decoder = new FrameDecoder();
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket, tcp: Socket) {
    this.socket = socket;
    this.#tcp = tcp;
    tcp.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('end', () => {
      this.#ended('fin');
    });
    for (const event of ['error', 'close']) {
      socket.on(event, () => {
        this.#ended('reset');
      });
    }
    if (socket !== tcp) tcp.on('error', () => undefined);
  }

  /** A connection that has sent nothing. */
  static async connect(address: ListenAddress, { tls, localAddress = '127.0.0.1' }: PeerOptions = {}): Promise<Peer> {
    const tcp = connect({ ...address, localAddress, allowHalfOpen: true });
    const socket = tls === undefined ? tcp : connectTls({ socket: tcp, host: address.host, ALPNProtocols: ['oap/1'], ...tls });
    const peer = new Peer(socket, tcp);
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once(tls === undefined ? 'connect' : 'secureConnect', resolve);
    });
    return peer;
  }

  /** A connection whose HELLO was answered. */
  static async greeted(address: ListenAddress, options: GreetingOptions = {}): Promise<Peer> {
    const peer = await Peer.connect(address, options);
    const { capability, tenant } = options;
    peer.send(hello(options.hello, { ...(capability && { capability }), ...(tenant !== undefined && { tenant }) }));
    const reply = await peer.take(0);
    if (reply.code !== 200) throw new Error(`HELLO was answered with ${reply.code}`);
    return peer;
  }

  /** The TLS socket; throws on a plain connection. */
  get secure(): TLSSocket {
    if (!(this.socket instanceof TLSSocket)) throw new Error('a plain connection');
    return this.socket;
  }

  /** Writes all parts at once. */
  send(...parts: readonly Uint8Array[]): void {
    this.socket.write(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts));
  }

  /** The next frame with this corr_id, or that `wanted` accepts; removed from the inbox. */
  async take(wanted: bigint | number | ((frame: Frame) => boolean), withinMs = PATIENCE_MS): Promise<Frame> {
    const accepts = typeof wanted === 'function' ? wanted : (frame: Frame) => frame.corrId === BigInt(wanted);
    const find = (): Frame | undefined => {
      const at = this.inbox.findIndex(accepts);
      return at < 0 ? undefined : this.inbox.splice(at, 1)[0];
    };
    const what = typeof wanted === 'function' ? 'a frame' : `a frame of ${wanted}`;
    return this.#until(() => {
      const frame = find();
      if (frame === undefined && this.end !== undefined) throw new Error(`the node ended the connection (${this.end}) without ${what}`);
      return frame;
    }, withinMs, what);
  }

  /** The first of a frame that `wanted` accepts, which stays in the inbox, and the end of the connection. */
  async takeOrEnd(wanted: (frame: Frame) => boolean, withinMs = PATIENCE_MS): Promise<Frame | undefined> {
    const seen = await this.#until(() => this.inbox.find(wanted) ?? (this.end === undefined ? undefined : 'end'), withinMs, 'a frame or an end');
    return seen === 'end' ? undefined : seen;
  }

  /** How the node ends the connection. */
  async ended(withinMs = PATIENCE_MS): Promise<'fin' | 'reset'> {
    return this.#until(() => this.end, withinMs, 'the end of the connection');
  }

  /** Ends without a word, as a crashed process does. */
  reset(): void {
    this.#tcp.resetAndDestroy();
  }

  destroy(): void {
    this.socket.destroy();
    this.#tcp.destroy();
  }

  #ended(how: 'fin' | 'reset'): void {
    this.end ??= how;
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #until<T>(look: () => T | undefined, withinMs: number, what: string): Promise<T> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`not within ${withinMs} ms: ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #read(chunk: Uint8Array): void {
    const decoder = this.#decoder;
    decoder.feed(chunk);
    while (decoder.next()) {
      const { header, buffer, payloadStart, payloadEnd } = decoder;
      this.inbox.push({
        flags: header.flags,
        code: header.code,
        app: header.app,
        tenant: tenantToHex(header),
        corrId: corrToBigInt(header),
        capability: new Uint8Array(0),
        payload: new Uint8Array(buffer.subarray(payloadStart, payloadEnd)),
      });
    }
    if (decoder.reject !== undefined) this.socket.destroy(new Error(`the node sent no frames: ${decoder.reject.reason}`));
    this.#changed();
  }
}
