import type { Route } from './bus.ts';
import type { FrameHeader } from './wire/header.ts';
import { Reject } from './wire/reject.ts';

/** The far side of a connection, as far as the transport knows it. */
export interface Peer {
  /** IP address, without port. */
  readonly address: string;
  readonly port: number;
  /** Whether TLS protects the connection. */
  readonly secure: boolean;
  /** The TLS session; absent without TLS. */
  readonly tls?: TlsSession;
}

/** What capabilities can be bound to. Both cost something, so they are asked for only where needed. */
export interface TlsSession {
  /** Keying material under a label, with an empty context (RFC 8446 §7.5); `undefined` once the connection is gone. */
  exportKeyingMaterial(bytes: number, label: string): Uint8Array | undefined;
  /** The certificate of the client, DER; `undefined` when it showed none. */
  clientCertificate(): Uint8Array | undefined;
}

/** A no, with what the peer should know beside the reason. */
export interface Refusal {
  readonly reject: Reject;
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly detail?: unknown;
  /** The connection ends with this error, whatever the reaction of the reason. */
  readonly close?: true;
}

/** What of a message admission may ask about later; a header and an exchange both have it. */
export type MessageFacts = Pick<FrameHeader, 'app' | 'code' | 'tenant0' | 'tenant1' | 'tenant2' | 'tenant3'>;

/**
 * A yes to a message, and what becomes of it. One object may stand for any number
 * of messages, so that admitting allocates nothing; it must not be changed by
 * being asked.
 */
export interface Permit {
  readonly reject?: undefined;
  /** The message outlives the read that it came with: it is in flight until {@link ended}. Others were over at once. */
  began(): void;
  /** Called once for each {@link began}, with the time since the START frame, milliseconds. */
  ended(durationMs: number): void;
  /**
   * A further frame of a message came; a refusal ends the message.
   *
   * @param frameBytes of this frame, on the wire
   * @param payloadBytes of all frames of the message so far
   */
  continued(message: MessageFacts, frameBytes: number, payloadBytes: number, nowMs: number): Refusal | undefined;
  /** Whether the sender has to wait before it may send more of a message: CREDIT is held back while it does. */
  overdrawn(nowMs: number): boolean;
  /** Whether a message in flight is still allowed; asked every SWEEP_INTERVAL_MS and after a revocation. */
  review(message: MessageFacts, nowMs: number): Refusal | undefined;
  /** Whether a message may be about a topic that its payload names. */
  topic(message: MessageFacts, topic: string): Refusal | undefined;
}

/**
 * The seam through which the kernel asks who may do what. The kernel never
 * looks inside capability bytes; whoever implements this does.
 */
export interface Admission {
  /** Called once per connection, before its HELLO. */
  open(peer: Peer): ConnectionAdmission;
}

/** What admission knows of one connection. Every call is on the hot path and synchronous; times are monotonic milliseconds. */
export interface ConnectionAdmission {
  /** The connection's default capability, from its HELLO; empty when there was none. */
  hello(header: FrameHeader, capability: Uint8Array, nowMs: number): Refusal | undefined;
  /**
   * Judges the START frame of a message for an existing service.
   *
   * @param capability the frame's own capability; empty for the connection's default
   */
  message(header: FrameHeader, route: Route, capability: Uint8Array, nowMs: number): Permit | Refusal;
  /** The connection is gone. */
  close(): void;
}

const CAP_MISSING: Refusal = { reject: Reject.cap_missing };

/** A permit without conditions, for services that are open to everyone. */
const OPEN_PERMIT: Permit = {
  began: () => undefined,
  ended: () => undefined,
  continued: () => undefined,
  overdrawn: () => false,
  review: () => undefined,
  topic: () => undefined,
};

const openConnection: ConnectionAdmission = {
  hello: () => undefined,
  message: (_header, route) => (route.access === 'open' ? OPEN_PERMIT : CAP_MISSING),
  close: () => undefined,
};

/** Admits everyone to open services and nobody to the others: what holds where nothing can check a capability. */
export const openServicesOnly: Admission = { open: () => openConnection };
