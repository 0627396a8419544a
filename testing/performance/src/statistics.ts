/** Spread of a measure over its rounds. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Smallest, middle and largest of `values`; NaN when there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  return { min: percentileOf(sorted, 0), median: medianOf(sorted), max: percentileOf(sorted, 1) };
}

/**
 * The value that a share `at` (0..1) of the sorted values does not exceed
 * (nearest rank, so that it is always a value that occurred); NaN when empty.
 */
export function percentileOf(sorted: ArrayLike<number>, at: number): number {
  const rank = Math.min(Math.max(Math.ceil(at * sorted.length), 1), sorted.length);
  return sorted[rank - 1] ?? Number.NaN;
}

/** What latencies look like, in the unit they came in. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Percentiles of latencies in any order. */
export function latencySummary(latencies: ArrayLike<number>): LatencySummary {
  const sorted = Float64Array.from(latencies).sort();
  return {
    count: sorted.length,
    p50: percentileOf(sorted, 0.5),
    p99: percentileOf(sorted, 0.99),
    max: percentileOf(sorted, 1),
  };
}

/** `over[i] / under[i]` of rounds that ran next to each other, so that a slow spell of the machine cancels out. */
export function pairRatios(over: readonly number[], under: readonly number[]): number[] {
  if (over.length !== under.length) throw new RangeError('ratios need as many rounds on both sides');
  return over.map((value, round) => value / (under[round] as number));
}

function medianOf(sorted: Float64Array): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
