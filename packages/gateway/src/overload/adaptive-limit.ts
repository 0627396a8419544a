import {
  APP_CONCURRENCY_INITIAL,
  APP_CONCURRENCY_MAX,
  APP_CONCURRENCY_MIN,
  APP_LATENCY_SAMPLES_MIN,
} from '../limits.ts';

/**
 * How many requests one application may have in flight, found by watching how
 * long they take, as the gradient limiters of Netflix's concurrency-limits do: as
 * long as more requests do not make each one slower there is room for more; when
 * they do, they only wait in a queue that nobody sees.
 */
export interface AdaptiveState {
  /** Requests in flight; a fraction, so that slow growth adds up. */
  readonly limit: number;
  /** How long a request takes when it has the service to itself, milliseconds; 0 before the first sample. */
  readonly baselineMs: number;
}

/** What was seen since the last look. */
export interface LatencyWindow {
  readonly samples: number;
  /** From the START of a request to the end of its reply, geometric mean: a few that wait for something else count little. */
  readonly meanMs: number;
  /** Most requests in flight at one time. */
  readonly inflightMax: number;
}

export const ADAPTIVE_START: AdaptiveState = Object.freeze({ limit: APP_CONCURRENCY_INITIAL, baselineMs: 0 });

/** A request may take this much longer than alone before that counts as a queue. */
const TOLERANCE = 2;
/** The least that one look leaves of the limit: one slow moment must not close the service. */
const GRADIENT_MIN = 0.5;
/** How fast a limit that is met grows while nothing is slow. */
const GROWTH = 1.5;
/** Weight of one look against those before. */
const SMOOTHING = 0.3;
/** Below this share of the limit there is no need for a larger one. */
const SATURATED = 0.5;

/** The state after one more look. A pure function; too few samples change nothing. */
export function adapt(state: AdaptiveState, window: LatencyWindow): AdaptiveState {
  const { samples, meanMs, inflightMax } = window;
  if (samples < APP_LATENCY_SAMPLES_MIN || !(meanMs > 0)) return state;
  const baselineMs = nextBaseline(state, meanMs);
  const gradient = Math.max(GRADIENT_MIN, (TOLERANCE * baselineMs) / meanMs);
  const saturated = inflightMax >= state.limit * SATURATED;
  if (gradient >= 1 && !saturated) return { limit: state.limit, baselineMs };
  // The root leaves room for a small queue, which keeps the service busy.
  const aim = state.limit * (gradient >= 1 ? GROWTH : gradient) + Math.sqrt(state.limit);
  const limit = state.limit + (aim - state.limit) * SMOOTHING;
  return { limit: Math.max(APP_CONCURRENCY_MIN, Math.min(APP_CONCURRENCY_MAX, limit)), baselineMs };
}

/**
 * The fastest that was seen. It rises only where the limit is at its lowest: few
 * requests that are still slow are not slow because of each other. It rises by
 * leaps, so that a service that changed is served again within seconds.
 */
function nextBaseline({ limit, baselineMs }: AdaptiveState, meanMs: number): number {
  if (baselineMs === 0) return meanMs;
  return meanMs < baselineMs || limit <= APP_CONCURRENCY_MIN ? (baselineMs + meanMs) / 2 : baselineMs;
}
