import { LIVES_MIN, SAMPLES_MIN } from '../bounds.ts';
import type { Sample } from '../samples/sample.ts';
import { median, slopeOf } from './theil-sen.ts';
import type { Point } from './theil-sen.ts';

/** How a figure changed over the second half of a run. */
export interface Growth {
  /** Slope times length of the second half. */
  readonly overHalf: number;
  readonly perHour: number;
  /** Median of the first half: what grows all the time must not set its own measure. */
  readonly before: number;
  readonly halfMs: number;
}

const HOUR_MS = 3_600_000;

/** The growth of a figure over the second half; undefined when there are too few samples. */
export function growthOf(samples: readonly Sample[], figure: (sample: Sample) => number): Growth | undefined {
  return growth(samples, figure, SAMPLES_MIN);
}

/**
 * The growth of a figure from life to life: the last sample of each, since all
 * but the last one end at about the same age. The first life began with an empty
 * folder, and the last one may be cut short, so they are left out.
 */
export function growthOverLives(samples: readonly Sample[], figure: (sample: Sample) => number): Growth | undefined {
  const last = new Map<number, Sample>();
  for (const sample of samples) last.set(sample.life, sample);
  return growth([...last.values()].slice(1, -1), figure, LIVES_MIN);
}

function growth(samples: readonly Sample[], figure: (sample: Sample) => number, least: number): Growth | undefined {
  const points = samples.map((sample): Point => ({ at: sample.atMs, value: figure(sample) }));
  const middleMs = (points.at(-1)?.at ?? 0) / 2;
  const second = points.filter(({ at }) => at >= middleMs);
  const [begin, end] = [second[0], second.at(-1)];
  if (begin === undefined || end === undefined || second.length < least) return undefined;
  const slope = slopeOf(second);
  const halfMs = end.at - begin.at;
  const first = points.slice(0, points.length - second.length);
  return { overHalf: slope * halfMs, perHour: slope * HOUR_MS, before: median(first.map(({ value }) => value)), halfMs };
}
