import { OapError, Reject, WriteBufferPool } from '@omnigate/kernel/wire';
import type { GoAway } from '@omnigate/kernel/wire';
import { ClientConnection } from './connection.ts';
import type { ConnectionEvents } from './connection.ts';
import type { ConnectionContext } from './connection-context.ts';
import type { Endpoint } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { HelloFrame } from './hello.ts';
import { CONNECTION_HEALTHY_MS, DRAINING_CONNECTIONS_MAX, RECONNECT_PAUSE_MS, RECONNECT_PAUSE_MS_MAX } from './limits.ts';
import type { ClientSettings } from './options.ts';
import { PayloadMemory } from './payload.ts';
import { fullJitterMs } from './retry.ts';
import type { Outcome } from './retry.ts';
import { monotonicMs } from './sweep.ts';

/** What the connections of a client tell it. */
export interface UplinkEvents {
  /** There is a connection for new requests. */
  connected(connection: ClientConnection): void;
  /** No connection came about; another attempt will follow. */
  connectFailed(error: OapError): void;
  freed(): void;
  failed(exchange: Exchange, error: OapError, outcome: Outcome): void;
  refused(error: OapError): void;
  goAway(goAway: GoAway): void;
  revoked(revocationSeq: number): void;
  wantSweep(atMs: number): void;
}

/**
 * The connections of one client: one for new requests, dialled again whenever
 * it is lost or drained, and those that only finish what is in flight.
 */
export class Uplink implements ConnectionEvents {
  /** Where new requests go; undefined while there is no such connection. */
  current: ClientConnection | undefined;
  /** Why there is none, or why there was none before. */
  lastError: OapError | undefined;

  readonly #context: ConnectionContext;
  readonly #settings: ClientSettings;
  readonly #events: UplinkEvents;
  readonly #draining = new Set<ClientConnection>();
  #dialling: ClientConnection | undefined;
  #dialAt = Number.POSITIVE_INFINITY;
  /** Attempts since the last connection that was of use. */
  #failures = 0;
  #closed = false;
  #onClosed: (() => void) | undefined;

  constructor(endpoint: Endpoint, hello: HelloFrame, settings: ClientSettings, events: UplinkEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#context = {
      endpoint,
      hello,
      connectTimeoutMs: settings.connectTimeoutMs,
      replyWindowBytes: settings.windowBytes,
      compression: settings.compression,
      buffers: new WriteBufferPool(),
      payloads: new PayloadMemory(),
    };
  }

  /** Starts to connect. */
  dial(): void {
    this.#dialAt = Number.POSITIVE_INFINITY;
    this.#dialling = new ClientConnection(this.#context, this);
  }

  /** Requests in flight on all connections, as a copy. */
  exchanges(): Exchange[] {
    return [...this.#all()].flatMap((connection) => connection.exchanges());
  }

  /** Looks at every time limit. */
  sweep(nowMs: number): void {
    for (const connection of this.#all()) connection.sweep(nowMs);
    if (this.#closed || this.#dialAt === Number.POSITIVE_INFINITY) return;
    if (nowMs >= this.#dialAt) this.dial();
    else this.#events.wantSweep(this.#dialAt);
  }

  /** Takes no more requests and resolves once every connection is closed; what is in flight has `graceMs`. */
  close(graceMs: number): Promise<void> {
    this.#closed = true;
    this.#dialAt = Number.POSITIVE_INFINITY;
    this.#dialling?.destroy(new OapError(Reject.client_closed));
    const done = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    for (const connection of this.#all()) connection.retire(graceMs);
    this.#tellClosed();
    return done;
  }

  // ConnectionEvents

  opened(connection: ClientConnection): void {
    this.#dialling = undefined;
    this.lastError = undefined;
    this.current = connection;
    this.#settings.logger.info({ url: this.#context.endpoint.url, server: connection.hello?.server }, 'connected');
    this.#events.connected(connection);
  }

  drains(connection: ClientConnection, goAway: GoAway): void {
    this.#settings.logger.info({ url: this.#context.endpoint.url, ...goAway }, 'the node sends requests elsewhere');
    if (this.current === connection) this.current = undefined;
    this.#draining.add(connection);
    const [oldest] = this.#draining;
    if (this.#draining.size > DRAINING_CONNECTIONS_MAX && oldest !== undefined) {
      oldest.destroy(new OapError(Reject.connection_lost, { message: 'Too many connections are being drained.' }));
    }
    this.#events.goAway(goAway);
    this.#dialLater(connection);
  }

  closed(connection: ClientConnection, error: OapError): void {
    const wasDraining = this.#draining.delete(connection);
    if (this.#dialling === connection) this.#dialling = undefined;
    if (this.current === connection) this.current = undefined;
    if (this.#closed) {
      this.#tellClosed();
      if (connection.hello === undefined) this.#events.connectFailed(error);
    } else if (!wasDraining) {
      this.lastError = error;
      const { reason, message } = error;
      this.#settings.logger.warn({ url: this.#context.endpoint.url, reason, detail: error.detail }, message);
      this.#dialLater(connection);
      if (connection.hello === undefined) this.#events.connectFailed(error);
    }
  }

  revoked(revocationSeq: number): void {
    this.#events.revoked(revocationSeq);
  }

  freed(): void {
    this.#events.freed();
  }

  failed(exchange: Exchange, error: OapError, outcome: Outcome): void {
    this.#events.failed(exchange, error, outcome);
  }

  refused(error: OapError): void {
    this.#events.refused(error);
  }

  wantSweep(atMs: number): void {
    this.#events.wantSweep(atMs);
  }

  *#all(): Generator<ClientConnection> {
    if (this.#dialling !== undefined) yield this.#dialling;
    if (this.current !== undefined) yield this.current;
    yield* [...this.#draining];
  }

  /** Plans the next attempt: soon after a connection that was of use, else later and later. */
  #dialLater(before: ClientConnection): void {
    if (this.#closed || this.#dialling !== undefined || this.current !== undefined) return;
    const now = monotonicMs();
    const wasGood = before.hello !== undefined && (before.served || now - before.openedAt >= CONNECTION_HEALTHY_MS);
    this.#failures = wasGood ? 0 : this.#failures + 1;
    this.#dialAt = now + fullJitterMs(this.#failures, RECONNECT_PAUSE_MS, RECONNECT_PAUSE_MS_MAX);
    this.#events.wantSweep(this.#dialAt);
  }

  #tellClosed(): void {
    if ([...this.#all()].length === 0) this.#onClosed?.();
  }
}
