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
}

/** A no, with what the peer should know beside the reason. */
export interface Refusal {
  readonly reject: Reject;
  readonly message?: string;
  readonly retryAfterMs?: number;
  readonly detail?: unknown;
}

/**
 * The seam through which the kernel asks who may do what. The kernel never
 * looks inside capability bytes; whoever implements this does.
 */
export interface Admission {
  /** Called once per connection, before its HELLO. */
  open(peer: Peer): ConnectionAdmission;
}

/** What admission knows of one connection. Every call is on the hot path and synchronous. */
export interface ConnectionAdmission {
  /** The connection's default capability, from its HELLO; empty when there was none. */
  hello(header: FrameHeader, capability: Uint8Array): Refusal | undefined;
  /**
   * Judges the START frame of a message for an existing service.
   *
   * @param capability the frame's own capability; empty for the connection's default
   */
  message(header: FrameHeader, route: Route, capability: Uint8Array): Refusal | undefined;
  /** The connection is gone. */
  close(): void;
}

const CAP_MISSING: Refusal = { reject: Reject.cap_missing };

const openConnection: ConnectionAdmission = {
  hello: () => undefined,
  message: (_header, route) => (route.access === 'open' ? undefined : CAP_MISSING),
  close: () => undefined,
};

/** Admits everyone to open services and nobody to the others: what holds where nothing can check a capability. */
export const openServicesOnly: Admission = { open: () => openConnection };
