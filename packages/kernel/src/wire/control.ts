import { encode } from '@msgpack/msgpack';
import { decodeMap, isCount } from './messagepack.ts';

/** app_proto_id of the connection itself. */
export const APP_CONTROL = 0;

/** Operations of app 0 (specs/oap-1.md §5). */
export const ControlOp = {
  HELLO: 0,
  PING: 1,
  GOAWAY: 2,
  CANCEL: 3,
  CREDIT: 4,
  REVOKED: 5,
} as const;

/** Status codes of a RESP (specs/oap-1.md §8.1). */
export const Status = {
  OK: 200,
  ACCEPTED: 202,
  PARTIAL: 206,
  BAD_REQUEST: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  TIMEOUT: 408,
  CONFLICT: 409,
  TOO_LARGE: 413,
  TOO_MANY: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE: 504,
  NO_SPACE: 507,
} as const;

/** Bytes of a CREDIT payload: one unsigned 32-bit count. */
export const CREDIT_BYTES = 4;

/** What a draining node tells its peers (specs/oap-1.md §5.3). */
export interface GoAway {
  readonly reason: string;
  /** Time open requests have to finish, milliseconds. */
  readonly drainMs: number;
}

/** Payload of a CREDIT: how many more bytes may be sent, at most 2^32 - 1. */
export function encodeCredit(bytes: number): Uint8Array {
  const payload = new Uint8Array(CREDIT_BYTES);
  new DataView(payload.buffer).setUint32(0, Math.min(bytes, 0xffff_ffff));
  return payload;
}

/** Payload of a GOAWAY. */
export function encodeGoAway(goAway: GoAway): Uint8Array {
  return encode({ reason: goAway.reason, drain_ms: goAway.drainMs });
}

/** A GOAWAY's fields; anything unreadable counts as a drain without a reason. */
export function decodeGoAway(payload: Uint8Array): GoAway {
  const map = decodeMap(payload) ?? {};
  return {
    reason: typeof map.reason === 'string' ? map.reason : 'draining',
    drainMs: isCount(map.drain_ms) ? map.drain_ms : 0,
  };
}

/** Payload of a REVOKED: the newest revocation sequence the node knows. */
export function encodeRevoked(revocationSeq: number): Uint8Array {
  return encode({ revocation_seq: revocationSeq });
}

/** The revocation sequence of a REVOKED, `undefined` when it is unreadable. */
export function decodeRevoked(payload: Uint8Array): number | undefined {
  const seq = decodeMap(payload)?.revocation_seq;
  return isCount(seq) ? seq : undefined;
}
