import type { KindTally, LoadTally } from '../load/tally.ts';
import { KINDS } from '../profile.ts';

/** The requests of a load in sums. */
export interface RequestSums {
  readonly asked: number;
  /** Those that were not refused for good. */
  readonly admitted: number;
  readonly refused: number;
  /** Admitted, and not answered rightly: the fault of the node. */
  readonly failed: number;
  readonly wrong: number;
}

export function sumsOf({ asked, answered, refused, failed, wrong }: KindTally): RequestSums {
  const failures = total(failed);
  return { asked, admitted: answered + failures, refused: total(refused), failed: failures, wrong };
}

export function sumsOfAll({ kinds }: LoadTally): RequestSums {
  const all = KINDS.map((kind) => sumsOf(kinds[kind]));
  const sum = (of: (sums: RequestSums) => number): number => all.reduce((before, sums) => before + of(sums), 0);
  return { asked: sum((s) => s.asked), admitted: sum((s) => s.admitted), refused: sum((s) => s.refused), failed: sum((s) => s.failed), wrong: sum((s) => s.wrong) };
}

/** Of the admitted requests, those that were answered rightly; a promise that was broken counts as a request that failed. */
export function availabilityOf({ admitted, failed, wrong }: RequestSums): number {
  return admitted === 0 ? 0 : Math.max(0, 1 - (failed + wrong) / admitted);
}

function total(byReason: Readonly<Record<string, number>>): number {
  return Object.values(byReason).reduce((sum, value) => sum + value, 0);
}
