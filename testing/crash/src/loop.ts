import type { Means } from './machine/means.ts';
import type { Tally } from './tally.ts';

/** One way of crashing one thing, over and over. */
export interface Loop {
  readonly name: string;
  readonly needs: readonly Means[];
  /** Rounds as part of the tests of everything. */
  readonly rounds: number;
  /** A negative control: it has to lose something, else the other loops prove nothing. */
  readonly mustLose?: boolean;
  run(rounds: number): Promise<Tally>;
}

/** What is wrong with what a loop counted; empty when nothing is. */
export function complaints(loop: Loop, tally: Tally): readonly string[] {
  if (tally.acknowledged === 0) return ['nothing was acknowledged, so nothing was shown', ...tally.notes];
  if (loop.mustLose === true) return tally.lost > 0 ? [] : ['nothing was lost without flushing: this loop cannot find a loss'];
  return tally.clean ? [] : tally.notes;
}
