import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Peer } from '../admission.ts';
import { ACCEPT_BACKLOG, KEEP_ALIVE_MS } from '../limits.ts';
import { Reject } from '../wire/reject.ts';
import type { ConnectionLimiter } from './connection-limiter.ts';
import { TlsAcceptor, tlsSessionOf } from './tls.ts';
import type { TlsFiles } from './tls.ts';
import { Transport } from './transport.ts';

/** Where a listener listens. Port 0 lets the operating system choose. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What a listener tells the node. */
export interface ListenerEvents {
  /** A connection is ready for frames. */
  onConnection(transport: Transport, peer: Peer): void;
  /** A connection was refused before it could send a frame. */
  onRefused(reject: Reject): void;
}

/** Accepts TCP connections, with or without TLS, and hands them on once they may send frames (specs/oap-1.md §2). */
export class Listener {
  readonly #server: Server;
  readonly #tls: TlsAcceptor | undefined;
  readonly #events: ListenerEvents;
  readonly #limiter: ConnectionLimiter;
  /** What lies under TLS: nobody else knows of a connection whose handshake is under way. */
  readonly #underTls = new Set<Socket>();

  private constructor(events: ListenerEvents, limiter: ConnectionLimiter, files: TlsFiles | undefined) {
    this.#events = events;
    this.#limiter = limiter;
    this.#tls =
      files === undefined
        ? undefined
        : new TlsAcceptor(files, {
            onSecure: (socket) => {
              events.onConnection(Transport.wrap(socket), { ...peerOf(socket, true), tls: tlsSessionOf(socket) });
            },
            onRefused: (reject, socket) => {
              events.onRefused(reject);
              socket.destroy();
            },
          });
    const options = {
      allowHalfOpen: true,
      pauseOnConnect: this.#tls === undefined,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    };
    this.#server = createServer(options, (socket) => {
      this.#onSocket(socket);
    });
  }

  /**
   * Listens at `address`; with `files`, for TLS 1.3 only.
   *
   * @throws Error when the address cannot be listened at or a TLS file is at fault
   */
  static async listen(
    address: ListenAddress,
    events: ListenerEvents,
    limiter: ConnectionLimiter,
    files?: TlsFiles,
  ): Promise<Listener> {
    const listener = new Listener(events, limiter, files);
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject);
      listener.#server.listen({ ...address, backlog: ACCEPT_BACKLOG }, () => {
        listener.#server.off('error', reject);
        resolve();
      });
    });
    // Accepting can fail for want of descriptors; the peer sees that, and the next one may succeed.
    listener.#server.on('error', () => {
      events.onRefused(Reject.conn_limit);
    });
    return listener;
  }

  /** Where it listens in fact. */
  get address(): ListenAddress {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** Whether it speaks TLS. */
  get secure(): boolean {
    return this.#tls !== undefined;
  }

  /** When its certificate ends, Unix time in milliseconds; `undefined` without TLS. */
  get certificateExpiresAtMs(): number | undefined {
    return this.#tls?.expiresAtMs;
  }

  /** Uses changed certificate files for new connections; see `TlsAcceptor.reload`. */
  reloadCertificate(): void {
    this.#tls?.reload();
  }

  /** Accepts nothing more; open connections go on. */
  close(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Accepts nothing more and cuts off handshakes that are under way. */
  destroy(): void {
    this.close();
    for (const socket of this.#underTls) socket.destroy();
  }

  #onSocket(socket: Socket): void {
    const peer = peerOf(socket, this.#tls !== undefined);
    if (!this.#limiter.acquire(peer.address)) {
      this.#events.onRefused(Reject.conn_limit);
      socket.destroy();
      return;
    }
    const release = (): void => {
      this.#limiter.release(peer.address);
    };
    if (this.#tls === undefined) {
      this.#events.onConnection(Transport.accept(socket, release), peer);
    } else {
      this.#underTls.add(socket);
      socket.once('close', () => {
        this.#underTls.delete(socket);
        release();
      });
      socket.on('error', () => undefined);
      this.#tls.accept(socket);
    }
  }
}

/** A socket that is gone already has no address; it fails on its first use. */
function peerOf(socket: Socket, secure: boolean): Peer {
  return { address: socket.remoteAddress ?? 'unknown', port: socket.remotePort ?? 0, secure };
}
