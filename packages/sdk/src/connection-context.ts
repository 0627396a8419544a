import type { GoAway, OapError, WriteBufferPool } from '@omnigate/kernel/wire';
import type { ClientConnection } from './connection.ts';
import type { Endpoint } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { HelloFrame } from './hello.ts';
import type { PayloadMemory } from './payload.ts';
import type { Outcome } from './retry.ts';

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

/** What all connections of a client have in common. */
export interface ConnectionContext {
  readonly endpoint: Endpoint;
  readonly hello: HelloFrame;
  readonly connectTimeoutMs: number;
  readonly replyWindowBytes: number;
  readonly compression: boolean;
  readonly buffers: WriteBufferPool;
  readonly payloads: PayloadMemory;
  readonly events: ConnectionEvents;
}
