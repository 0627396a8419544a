import { Reject } from '@omnigate/kernel/wire';
import type { OapError } from '@omnigate/kernel/wire';

/** How often and how fast a call is tried again. */
export interface RetryPolicy {
  /** Attempts in all, 1 for no retry. */
  readonly attempts: number;
  /** First pause, milliseconds; doubles with each attempt. */
  readonly pauseMs: number;
  /** Longest pause, milliseconds; a node may still ask for a longer one. */
  readonly pauseMsMax: number;
}

/**
 * What is known of a failed attempt: not a byte of it left, the node refused it
 * before its service acted, or it was under way and may have been carried out.
 */
export type Outcome = 'unsent' | 'refused' | 'unknown';

/** The parts of a call that decide on its retry. */
export interface RetryState {
  /** Attempts made that count. */
  readonly attempts: number;
  readonly terms: { readonly retry: boolean; readonly repeatable: boolean };
}

/** Whether and when a call is tried again. */
export type RetryDecision =
  | { readonly again: false }
  | {
      readonly again: true;
      /** Pause before it, milliseconds; 0 means as soon as there is a connection. */
      readonly pauseMs: number;
      /** Whether the failed attempt counts against the policy. */
      readonly counts: boolean;
    };

const NEVER: RetryDecision = { again: false };
/** A node that drains did nothing, and a frame that never left did nothing either: both are free. */
const AT_ONCE: RetryDecision = { again: true, pauseMs: 0, counts: false };

/**
 * Decides about a failed attempt (specs/oap-1.md §8.5): never repeats what is
 * not retryable, nor what may have been carried out unless repeating is safe.
 */
export function decideRetry(call: RetryState, error: OapError, outcome: Outcome, policy: RetryPolicy): RetryDecision {
  if (!call.terms.retry) return NEVER;
  if (outcome === 'unsent' || (outcome === 'refused' && error.reason === Reject.draining.reason)) return AT_ONCE;
  const mayRepeat = outcome === 'refused' ? error.retryable : call.terms.repeatable;
  if (!mayRepeat || call.attempts >= policy.attempts) return NEVER;
  return { again: true, pauseMs: pauseBeforeRetry(call.attempts, error.retryAfterMs, policy), counts: true };
}

/** What the node asked for plus up to half of it, else full jitter under a doubling bound. */
function pauseBeforeRetry(attempts: number, retryAfterMs: number | undefined, policy: RetryPolicy): number {
  if (retryAfterMs !== undefined) return retryAfterMs + Math.ceil((retryAfterMs / 2) * Math.random());
  return fullJitterMs(attempts - 1, policy.pauseMs, policy.pauseMsMax);
}

/** A random pause of at least 1 ms below `firstMs` doubled `exponent` times, bounded by `maxMs`. */
export function fullJitterMs(exponent: number, firstMs: number, maxMs: number): number {
  return Math.ceil(Math.min(maxMs, firstMs * 2 ** Math.max(exponent, 0)) * (1 - Math.random()));
}
