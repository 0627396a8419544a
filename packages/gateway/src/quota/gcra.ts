/**
 * The generic cell rate algorithm (ITU-T I.371, annex A) on a monotonic clock. All
 * that is kept of a bucket is the moment at which it will be full again, so a
 * look costs a few operations and nothing has to be topped up by a timer.
 */

/** How much in a second, and how much at once. */
export interface Rate {
  readonly perSecond: number;
  /** What may come at once after a pause, in the same unit. */
  readonly burst: number;
}

/** A rate as the algorithm needs it. */
export interface Pace {
  /** Time in which one unit comes back, milliseconds; 0 without a limit. */
  readonly intervalMs: number;
  /** Time in which an empty bucket becomes full, milliseconds. */
  readonly depthMs: number;
}

/** A bucket that nobody has taken from. */
export const FULL_AT_MS = 0;

/** Rounding of the clock must not turn a retry at the very moment that was told into a refusal. */
const ROUNDING_MS = 0.001;

const NO_LIMIT: Pace = Object.freeze({ intervalMs: 0, depthMs: 0 });

/** @throws RangeError unless both numbers of the rate are positive and finite */
export function paceOf(rate: Rate | undefined): Pace {
  if (rate === undefined) return NO_LIMIT;
  const { perSecond, burst } = rate;
  if (!(perSecond > 0 && burst > 0 && perSecond < Infinity && burst < Infinity)) {
    throw new RangeError(`a rate of ${perSecond} per second with bursts of ${burst} is no limit; both must be positive`);
  }
  const intervalMs = 1_000 / perSecond;
  return Object.freeze({ intervalMs, depthMs: burst * intervalMs });
}

/**
 * How long to wait until `cost` units may be taken; 0 when they may now. What
 * costs more than a whole burst has to wait for a full bucket.
 */
export function waitMs(pace: Pace, fullAtMs: number, nowMs: number, cost: number): number {
  const missingMs = fullAtMs > nowMs ? fullAtMs - nowMs : 0;
  const wait = missingMs + Math.min(cost * pace.intervalMs, pace.depthMs) - pace.depthMs;
  return wait > ROUNDING_MS ? wait : 0;
}

/** The bucket after `cost` units were taken, whether or not they were in it. */
export function take(pace: Pace, fullAtMs: number, nowMs: number, cost: number): number {
  return (fullAtMs > nowMs ? fullAtMs : nowMs) + cost * pace.intervalMs;
}

/** Time until a bucket that more was taken from than was in it is empty, and no worse. */
export function debtMs(pace: Pace, fullAtMs: number, nowMs: number): number {
  const debt = fullAtMs - nowMs - pace.depthMs;
  return debt > ROUNDING_MS ? debt : 0;
}

/** The bucket when its pace changes: what was half full is half full. */
export function repaced(from: Pace, to: Pace, fullAtMs: number, nowMs: number): number {
  if (fullAtMs <= nowMs || from.depthMs === 0) return fullAtMs;
  return nowMs + (fullAtMs - nowMs) * (to.depthMs / from.depthMs);
}
