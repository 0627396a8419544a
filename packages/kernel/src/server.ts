import { openServicesOnly } from './admission.ts';
import type { Admission, Peer } from './admission.ts';
import type { Bus, Route } from './bus.ts';
import { monotonicClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { Connection } from './connection/connection.ts';
import type { ConnectionContext } from './connection/context.ts';
import { FlushQueue } from './connection/outbound.ts';
import { ReadTurns } from './connection/read-turns.ts';
import { RefusalBudget } from './connection/refusal-budget.ts';
import { DRAIN_ACCEPT_MS, DRAIN_TIMEOUT_MS, IDLE_TIMEOUT_MS, SWEEP_INTERVAL_MS } from './limits.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { ConnectionLimiter } from './net/connection-limiter.ts';
import type { ConnectionLimits } from './net/connection-limiter.ts';
import { Listener } from './net/listener.ts';
import type { ListenAddress } from './net/listener.ts';
import type { TlsFiles } from './net/tls.ts';
import type { Transport } from './net/transport.ts';
import type { PayloadCodec } from './payload-codec.ts';
import { WriteBufferPool } from './wire/frame-writer.ts';

/** What a server needs, and what it can do without. */
export interface OapServerOptions {
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** Name and version that HELLO replies carry. */
  readonly name: string;
  /** Who may do what; open services only when absent. */
  readonly admission?: Admission;
  /** Decodes COMP payloads; they are not offered when absent. */
  readonly codec?: PayloadCodec;
  readonly connectionLimits?: ConnectionLimits;
  readonly idleTimeoutMs?: number;
  readonly clock?: Clock;
  /** Told when a service throws what is no refusal. */
  onServiceCrash(route: Route, error: unknown): void;
}

/** How long a drain may take. */
export interface DrainOptions {
  /** Goes into the GOAWAY. */
  readonly reason: string;
  /** Time for peers to learn of it while new connections are still taken, milliseconds. */
  readonly acceptMs?: number;
  /** Time for open requests to finish, milliseconds from the start. */
  readonly timeoutMs?: number;
}

/** Listeners and their connections: everything of a node that faces the network. */
export class OapServer implements AsyncDisposable {
  readonly #context: ConnectionContext;
  readonly #limiter: ConnectionLimiter;
  readonly #connections = new Set<Connection>();
  readonly #listeners: Listener[] = [];
  readonly #sweepTimer: NodeJS.Timeout;
  #draining: { readonly reason: string; readonly untilMs: number; readonly over: Promise<number> } | undefined;
  #revocationSeq = 0;

  constructor(options: OapServerOptions) {
    const clock = options.clock ?? monotonicClock;
    this.#limiter = new ConnectionLimiter(options.connectionLimits);
    this.#context = {
      bus: options.bus,
      admission: options.admission ?? openServicesOnly,
      codec: options.codec,
      metrics: options.metrics,
      logger: options.logger,
      clock,
      writeBuffers: new WriteBufferPool(),
      flushQueue: new FlushQueue(),
      turns: new ReadTurns(clock),
      refusals: new RefusalBudget(clock, options.metrics),
      idleTimeoutMs: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      offer: () => ({
        server: options.name,
        transports: this.#listeners.some((listener) => listener.secure) ? ['tcp', 'tls'] : ['tcp'],
        compression: options.codec !== undefined,
        revocationSeq: this.#revocationSeq,
        idleTimeoutMs: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
      }),
      serviceCrashed: (route, error) => {
        options.onServiceCrash(route, error);
      },
    };
    this.#sweepTimer = setInterval(() => {
      const nowMs = this.#context.clock.now();
      for (const connection of this.#connections) connection.sweep(nowMs);
    }, SWEEP_INTERVAL_MS).unref();
  }

  /**
   * Opens a listener; with `files`, for TLS 1.3 only. Returns where it listens.
   *
   * @throws Error when the address is taken or a TLS file is at fault
   */
  async listen(address: ListenAddress, files?: TlsFiles): Promise<ListenAddress> {
    const listener = await Listener.listen(
      address,
      {
        onConnection: (transport, peer) => {
          this.#onConnection(transport, peer);
        },
        onRefused: (reject) => {
          this.#context.metrics.reject(reject);
        },
      },
      this.#limiter,
      files,
    );
    this.#listeners.push(listener);
    return listener.address;
  }

  /**
   * Reads the certificate files of all listeners again.
   *
   * @throws Error that says which file is at fault; the old ones stay in use then
   */
  reloadCertificates(): void {
    for (const listener of this.#listeners) listener.reloadCertificate();
  }

  /** When the first certificate of its listeners ends, Unix time in milliseconds; `undefined` without TLS. */
  get certificateExpiresAtMs(): number | undefined {
    const ends = this.#listeners.flatMap(({ certificateExpiresAtMs }) => certificateExpiresAtMs ?? []);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /** Tells every peer of the newest revocation; later HELLO replies carry it. */
  announceRevocation(revocationSeq: number): void {
    this.#revocationSeq = revocationSeq;
    for (const connection of this.#connections) connection.announceRevocation(revocationSeq);
  }

  /**
   * Sends everyone away politely: GOAWAY at once, new connections for `acceptMs`
   * more unless nobody is connected, open requests until `timeoutMs`. Resolves
   * when the last connection is gone, with the number of requests that had to be
   * cut off for that.
   */
  async drain(options: DrainOptions): Promise<number> {
    if (this.#draining === undefined) {
      const { reason, acceptMs = DRAIN_ACCEPT_MS, timeoutMs = DRAIN_TIMEOUT_MS } = options;
      const startMs = this.#context.clock.now();
      for (const connection of this.#connections) connection.goAway(reason, timeoutMs);
      const over = this.#drain(startMs, acceptMs, timeoutMs);
      this.#draining = { reason, untilMs: startMs + timeoutMs, over };
    }
    return this.#draining.over;
  }

  async #drain(startMs: number, acceptMs: number, timeoutMs: number): Promise<number> {
    for (;;) {
      const elapsedMs = this.#context.clock.now() - startMs;
      if (elapsedMs >= acceptMs || this.#connections.size === 0) this.#closeListeners();
      if (this.#connections.size === 0 || elapsedMs >= timeoutMs) break;
      await new Promise((resolve) => setTimeout(resolve, SWEEP_INTERVAL_MS));
    }
    const cutOff = [...this.#connections].reduce((requests, { inflight }) => requests + inflight, 0);
    await this[Symbol.asyncDispose]();
    return cutOff;
  }

  /** Closes everything at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#sweepTimer);
    for (const listener of this.#listeners) listener.destroy();
    for (const connection of this.#connections) connection.destroy();
    while (this.#connections.size > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  #closeListeners(): void {
    for (const listener of this.#listeners) listener.close();
  }

  #onConnection(transport: Transport, peer: Peer): void {
    const { metrics, admission } = this.#context;
    metrics.connections++;
    metrics.connectionsTotal++;
    const connection = new Connection(this.#context, transport, peer, admission.open(peer), (closed) => {
      this.#connections.delete(closed);
      metrics.connections--;
    });
    this.#connections.add(connection);
    if (this.#draining !== undefined) {
      const leftMs = Math.max(0, this.#draining.untilMs - this.#context.clock.now());
      connection.goAway(this.#draining.reason, Math.round(leftMs));
    }
  }
}
