import { OapError, Reject, WriteBufferPool } from '@omnigate/kernel/wire';
import type { GoAway, TenantWords } from '@omnigate/kernel/wire';
import type { CapabilitySource } from './capability-source.ts';
import { ClientConnection } from './connection.ts';
import type { ConnectionEvents } from './connection.ts';
import type { ConnectionContext } from './connection-context.ts';
import type { Endpoint } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import { createHello } from './hello.ts';
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

  readonly #context: Omit<ConnectionContext, 'hello'>;
  readonly #tenant: TenantWords;
  readonly #settings: ClientSettings;
  readonly #events: UplinkEvents;
  readonly #draining = new Set<ClientConnection>();
  #dialling: ClientConnection | undefined;
  #dialAt = Number.POSITIVE_INFINITY;
  /** There is an answer that no node has seen in a HELLO; the first one was asked for before. */
  #capabilityIsNew = true;
  /** A capability for the next connection is being asked for. */
  #asking = false;
  /** Attempts since the last connection that was of use. */
  #failures = 0;
  #closed = false;
  #onClosed: (() => void) | undefined;

  constructor(
    endpoint: Endpoint,
    capability: CapabilitySource,
    tenant: TenantWords,
    settings: ClientSettings,
    events: UplinkEvents,
  ) {
    this.#tenant = tenant;
    this.#settings = settings;
    this.#events = events;
    this.#context = {
      endpoint,
      capability,
      connectTimeoutMs: settings.connectTimeoutMs,
      replyWindowBytes: settings.windowBytes,
      compression: settings.compression,
      buffers: new WriteBufferPool(),
      payloads: new PayloadMemory(),
    };
  }

  /** Starts to connect; a capability is asked for first, unless the last answer was not of use yet. */
  dial(): void {
    const { capability } = this.#context;
    this.#dialAt = Number.POSITIVE_INFINITY;
    const isGood = !capability.renewable || (this.#capabilityIsNew && monotonicMs() < capability.renewAt);
    if (isGood) this.#open();
    else void this.#askAndOpen(capability);
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
    this.#capabilityIsNew = false;
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
    this.#dialLater(wasOfUse(connection));
  }

  closed(connection: ClientConnection, error: OapError): void {
    const wasDraining = this.#draining.delete(connection);
    if (this.#dialling === connection) this.#dialling = undefined;
    if (this.current === connection) this.current = undefined;
    if (this.#closed) {
      this.#tellClosed();
      if (connection.hello === undefined) this.#events.connectFailed(error);
    } else if (!wasDraining) {
      if (error.origin === 'remote') this.#capabilityIsNew = false;
      this.#failed(error);
      this.#dialLater(wasOfUse(connection));
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

  #open(): void {
    const hello = createHello(this.#settings, this.#context.capability, this.#tenant);
    this.#dialling = new ClientConnection({ ...this.#context, hello }, this);
  }

  async #askAndOpen(capability: CapabilitySource): Promise<void> {
    this.#asking = true;
    try {
      await capability.renew();
    } catch (thrown) {
      this.#asking = false;
      if (this.#closed) return;
      const error = OapError.from(thrown);
      this.#failed(error);
      this.#dialLater(false);
      this.#events.connectFailed(error);
      return;
    }
    this.#asking = false;
    this.#capabilityIsNew = true;
    if (!this.#closed) this.#open();
  }

  #failed(error: OapError): void {
    const { reason, message, detail } = error;
    this.lastError = error;
    this.#settings.logger.warn({ url: this.#context.endpoint.url, reason, detail }, message);
  }

  /** Plans the next attempt: soon after a connection that was of use, else later and later. */
  #dialLater(wasGood: boolean): void {
    if (this.#closed || this.#asking || this.#dialling !== undefined || this.current !== undefined) return;
    this.#failures = wasGood ? 0 : this.#failures + 1;
    this.#dialAt = monotonicMs() + fullJitterMs(this.#failures, RECONNECT_PAUSE_MS, RECONNECT_PAUSE_MS_MAX);
    this.#events.wantSweep(this.#dialAt);
  }

  #tellClosed(): void {
    if ([...this.#all()].length === 0) this.#onClosed?.();
  }
}

/** Whether a connection was worth its while, so that the next one may be tried soon. */
function wasOfUse({ hello, served, openedAt }: ClientConnection): boolean {
  return hello !== undefined && (served || monotonicMs() - openedAt >= CONNECTION_HEALTHY_MS);
}
