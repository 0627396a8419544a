import { networkContains } from './caveat/address.ts';
import type { IpAddress, IpNetwork } from './caveat/address.ts';
import type { Caveat } from './caveat/caveat.ts';
import { conditionsOf } from './caveat/conditions.ts';
import type { Conditions } from './caveat/conditions.ts';
import { isTopic, prefixAdmits } from './caveat/topic.ts';
import type { DenialReason } from './denial.ts';
import { CLOCK_SKEW_MS } from './limits.ts';
import type { TokenIdentity } from './token.ts';

/** A tenant_id as signed 32-bit words, most significant first, as frame headers have it. */
export interface TenantWords {
  readonly tenant0: number;
  readonly tenant1: number;
  readonly tenant2: number;
  readonly tenant3: number;
}

/** What a node knows of one connection, and of itself; made once per connection. */
export interface ConnectionFacts {
  /** The far side; `undefined` when there is none, as on a local socket. */
  readonly address: IpAddress | undefined;
  /** RFC 9266 tls-exporter value in base64url; `undefined` without TLS. */
  readonly channelBinding: string | undefined;
  /** SHA-256 of the client's certificate (DER), lower-case hex; `undefined` without one. */
  readonly certificate: string | undefined;
  /** Name of this node, for the caveat `node`. */
  readonly node: string;
  /** Name of the deployment this node belongs to, for the caveat `aud`. */
  readonly audience: string;
}

/** What is asked, apart from application, operation and topic. A caller may use one object for all its requests. */
export interface CheckContext {
  /** Unix time, milliseconds. */
  nowMs: number;
  /** tenant_id of the message. */
  tenant: TenantWords;
  /** Payload of the message so far, bytes. */
  payloadBytes: number;
  connection: ConnectionFacts;
}

/** The key's part in what a token allows. */
export interface KeyTerms {
  /** Longest life of a token under this key. */
  readonly ttlMaxMs: number;
  /** When the key ends; Infinity while no end is set. */
  readonly retireAtMs: number;
}

/**
 * What a verified token allows, taken apart once so that each request costs a few
 * comparisons and no allocation. Every check is a conjunction over all caveats, so
 * another caveat can only turn a yes into a no (specs/capability-1.md §6).
 */
export class Grant {
  readonly kid: string;
  /** Names the token and all that was attenuated from it; what max_inflight is counted by. */
  readonly nonce: string;
  readonly issuedAtMs: number;
  /** 32 hex digits. */
  readonly tenant: string;
  /** First and last moment, clock skew included: the node accepts it at t when validFromMs <= t < validUntilMs. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
  /** Payload of one message in all its frames; Infinity without a bound. */
  readonly maxBytes: number;
  /** Requests in flight with this nonce on one node; Infinity without a bound. */
  readonly maxInflight: number;
  /** Class whose quota holds in addition to the tenant's; '' without one. */
  readonly rateClass: string;
  /** Whether topics are restricted: then {@link checkTopic} must be asked for every topic a request touches. */
  readonly restrictsTopics: boolean;

  readonly #keyEndsAtMs: number;
  readonly #tenant: TenantWords;
  /** Set when no request can meet the caveats; tells why. */
  readonly #never: DenialReason | undefined;
  readonly #conditions: Conditions;
  /** Exporter value and fingerprint; '' without the caveat. */
  readonly #channelBinding: string;
  readonly #certificate: string;

  /** @param caveats all caveats of the token, in order; `tenant` is the value of the first */
  constructor(identity: TokenIdentity, tenant: string, caveats: readonly Caveat[], key: KeyTerms) {
    const conditions = conditionsOf(caveats);
    this.kid = identity.kid;
    this.nonce = identity.nonce;
    this.issuedAtMs = identity.issuedAtMs;
    this.tenant = tenant;
    this.validFromMs = Math.max(identity.issuedAtMs, conditions.notBeforeMs) - CLOCK_SKEW_MS;
    const notAfterMs = Math.min(identity.issuedAtMs + key.ttlMaxMs, conditions.expiresAtMs);
    this.validUntilMs = Math.min(notAfterMs + CLOCK_SKEW_MS, key.retireAtMs);
    this.#keyEndsAtMs = key.retireAtMs;
    this.maxBytes = conditions.maxBytes;
    this.maxInflight = conditions.maxInflight;
    this.rateClass = conditions.rateClasses[0] ?? '';
    this.restrictsTopics = conditions.prefixes.length > 0;
    this.#tenant = wordsOf(tenant);
    this.#channelBinding = conditions.channelBindings[0] ?? '';
    this.#certificate = conditions.certificates[0] ?? '';
    this.#conditions = conditions;
    this.#never = contradictionOf(conditions);
    Object.freeze(this);
  }

  /**
   * Whether a request is allowed: `undefined`, or the reason why not.
   *
   * @param op operation code
   * @param verb the operation's name in the registry, in lower case; '' when it has none
   * @param topic the topic it is about; `undefined` when it has none, which a restriction of topics denies
   */
  check(app: number, op: number, verb: string, topic: string | undefined, context: CheckContext): DenialReason | undefined {
    return this.checkBeforeTopic(app, op, verb, context) ?? this.checkTopic(topic);
  }

  /** All of {@link check} but the topic, for those who know it only after decoding the payload. */
  checkBeforeTopic(app: number, op: number, verb: string, context: CheckContext): DenialReason | undefined {
    const { tenant } = context;
    return (
      this.checkTime(context.nowMs) ??
      (tenant.tenant0 !== this.#tenant.tenant0 ||
      tenant.tenant1 !== this.#tenant.tenant1 ||
      tenant.tenant2 !== this.#tenant.tenant2 ||
      tenant.tenant3 !== this.#tenant.tenant3
        ? 'tenant_mismatch'
        : this.#never) ??
      this.#checkConnection(context.connection) ??
      (context.payloadBytes <= this.maxBytes && inAll(this.#conditions.apps, app) && this.#allowsOperation(op, verb) ? undefined : 'cap_scope')
    );
  }

  /** Whether a topic is allowed. What is no topic (specs/capability-1.md §5.4) is denied where topics are restricted. */
  checkTopic(topic: string | undefined): DenialReason | undefined {
    if (!this.restrictsTopics) return undefined;
    if (topic === undefined || !isTopic(topic)) return 'cap_scope';
    for (const prefixes of this.#conditions.prefixes) {
      if (!anyAdmits(prefixes, topic)) return 'cap_scope';
    }
    return undefined;
  }

  checkTime(nowMs: number): 'cap_kid' | 'cap_not_yet' | 'cap_expired' | undefined {
    if (nowMs >= this.#keyEndsAtMs) return 'cap_kid';
    if (nowMs < this.validFromMs) return 'cap_not_yet';
    // Written so that a time that is no number is refused.
    return nowMs < this.validUntilMs ? undefined : 'cap_expired';
  }

  #allowsOperation(op: number, verb: string): boolean {
    for (const verbs of this.#conditions.verbs) {
      if (!verbs.has(op) && !verbs.has(verb)) return false;
    }
    return true;
  }

  #checkConnection(connection: ConnectionFacts): DenialReason | undefined {
    for (const networks of this.#conditions.networks) {
      if (!anyContains(networks, connection.address)) return 'cap_binding';
    }
    if (this.#channelBinding !== '' && connection.channelBinding !== this.#channelBinding) return 'cap_binding';
    if (this.#certificate !== '' && connection.certificate !== this.#certificate) return 'cap_binding';
    const { nodes, audiences } = this.#conditions;
    return inAll(nodes, connection.node) && inAll(audiences, connection.audience) ? undefined : 'cap_binding';
  }
}

/** Why no request can meet the conditions, where none can: nobody is tenant 0 or 2^128 - 1, and nothing has two of these. */
function contradictionOf({ tenants, channelBindings, certificates, rateClasses }: Conditions): DenialReason | undefined {
  if (tenants.length > 1 || /^(0+|f+)$/.test(tenants[0] ?? '')) return 'tenant_mismatch';
  if (channelBindings.length > 1 || certificates.length > 1) return 'cap_binding';
  return rateClasses.length > 1 ? 'cap_scope' : undefined;
}

function inAll<Value>(sets: readonly ReadonlySet<Value>[], value: Value): boolean {
  for (const set of sets) {
    if (!set.has(value)) return false;
  }
  return true;
}

function anyAdmits(prefixes: readonly string[], topic: string): boolean {
  for (const prefix of prefixes) {
    if (prefixAdmits(prefix, topic)) return true;
  }
  return false;
}

function anyContains(networks: readonly IpNetwork[], address: IpAddress | undefined): boolean {
  if (address === undefined) return false;
  for (const network of networks) {
    if (networkContains(network, address)) return true;
  }
  return false;
}

function wordsOf(tenant: string): TenantWords {
  const word = (index: number) => Number.parseInt(tenant.slice(8 * index, 8 * index + 8), 16) | 0;
  return { tenant0: word(0), tenant1: word(1), tenant2: word(2), tenant3: word(3) };
}
