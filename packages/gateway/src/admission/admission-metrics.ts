import type { ShedCounts } from '../overload/load.ts';
import type { AdmissionContext } from './admission-context.ts';

/** One application's limit on requests in flight. */
export interface AppLimit {
  /** Name of its service. */
  readonly name: string;
  readonly limit: number;
  readonly inflight: number;
}

/** Figures of admission since the start, read when somebody asks. No name or label in here is a peer's choice. */
export interface AdmissionMetrics {
  /** Messages beyond a quota, by the bound they met first; in shadow mode they passed. */
  readonly quotaExhaustions: { readonly tenant: number; readonly app: number; readonly bytes: number };
  /** Capabilities whose verification was remembered, and those whose chain was computed. */
  readonly verificationsCached: number;
  readonly verificationsComputed: number;
  /** Number of the newest revocation. */
  readonly revocationSequence: number;
  /** Refused because the node was too busy, by kind. */
  readonly shed: Readonly<ShedCounts>;
  /** How far refusing goes: 0 nothing, 1 connections, 2 EVENTs, 3 batch, 4 other requests. */
  readonly sheddingLevel: number;
  /** Adaptive limits, one for each application that was called. */
  readonly appLimits: readonly AppLimit[];
  /** Tenants, addresses and their parts that are remembered. */
  readonly accounts: number;
}

/** The figures as they stand now. */
export function readMetrics({ verifier, load, quotas }: AdmissionContext): AdmissionMetrics {
  return {
    quotaExhaustions: { ...quotas.exhausted },
    verificationsCached: verifier.hits,
    verificationsComputed: verifier.misses,
    revocationSequence: verifier.revocations.sequence,
    shed: { ...load.shed },
    sheddingLevel: load.level,
    appLimits: [...load.apps].map(({ name, share: { limit, inflight } }) => ({ name, limit, inflight })),
    accounts: quotas.accounts,
  };
}
