import { encodeCaveat } from './caveat/caveat.ts';
import type { Caveat } from './caveat/caveat.ts';

/** What a token is restricted to. Everything is optional; what is absent is not restricted. */
export interface Restrictions {
  /** Unix times, milliseconds. */
  readonly expiresAtMs?: number | undefined;
  readonly notBeforeMs?: number | undefined;
  /** app_proto_ids. */
  readonly apps?: readonly number[] | undefined;
  /** Operations: lower-case names of the registry, or codes. */
  readonly verbs?: readonly string[] | undefined;
  /** Topics: `a/` is what is below `a`, `a` is that and `a` itself. */
  readonly prefixes?: readonly string[] | undefined;
  /** Networks the peer's address is in, such as `192.0.2.0/24`. */
  readonly networks?: readonly string[] | undefined;
  readonly nodes?: readonly string[] | undefined;
  readonly audiences?: readonly string[] | undefined;
  /** A quota that holds in addition to the tenant's. */
  readonly rateClass?: string | undefined;
  /** Payload of one message, bytes. */
  readonly maxBytes?: number | undefined;
  /** Requests in flight on one node. */
  readonly maxInflight?: number | undefined;
  /** tls-exporter value (RFC 9266), base64url. */
  readonly channelBinding?: string | undefined;
  /** SHA-256 of the client's certificate, lower-case hex. */
  readonly certificate?: string | undefined;
}

/**
 * The caveats of restrictions, in the order of the specification.
 *
 * @throws CapabilityError caveat_invalid
 */
export function encodeRestrictions(restrictions: Restrictions): Buffer[] {
  return caveatsOf(restrictions).map(encodeCaveat);
}

function caveatsOf(r: Restrictions): Caveat[] {
  const caveats: (Caveat | undefined)[] = [
    r.expiresAtMs === undefined ? undefined : { name: 'exp', value: r.expiresAtMs },
    r.notBeforeMs === undefined ? undefined : { name: 'nbf', value: r.notBeforeMs },
    r.apps && { name: 'app', value: r.apps },
    r.verbs && { name: 'verb', value: r.verbs },
    r.prefixes && { name: 'prefix', value: r.prefixes },
    r.networks && { name: 'ip', value: r.networks },
    r.nodes && { name: 'node', value: r.nodes },
    r.audiences && { name: 'aud', value: r.audiences },
    r.rateClass === undefined ? undefined : { name: 'rate', value: r.rateClass },
    r.maxBytes === undefined ? undefined : { name: 'max_bytes', value: r.maxBytes },
    r.maxInflight === undefined ? undefined : { name: 'max_inflight', value: r.maxInflight },
    r.channelBinding === undefined ? undefined : { name: 'tls', value: r.channelBinding },
    r.certificate === undefined ? undefined : { name: 'cert', value: r.certificate },
  ];
  return caveats.filter((caveat) => caveat !== undefined);
}
