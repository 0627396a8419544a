import { SLOPE_POINTS_MAX } from '../bounds.ts';

/** A value at a time. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** The middle one; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The median of the slopes of all pairs of points (Theil and Sen), value by unit
 * of time: up to 29 of 100 points may be anything without moving it much, such as
 * the saw teeth of a collector. NaN of fewer than two points.
 */
export function slopeOf(points: readonly Point[]): number {
  const some = thinned(points, SLOPE_POINTS_MAX);
  const slopes: number[] = [];
  some.forEach((first, index) => {
    for (let next = index + 1; next < some.length; next++) {
      const second = some[next] as Point;
      if (second.at !== first.at) slopes.push((second.value - first.value) / (second.at - first.at));
    }
  });
  return median(slopes);
}

/** At most `max` of them, evenly. */
export function thinned<T>(all: readonly T[], max: number): readonly T[] {
  if (all.length <= max) return all;
  return Array.from({ length: max }, (_, index) => all[Math.floor((index * all.length) / max)] as T);
}
