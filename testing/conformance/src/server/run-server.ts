import { SLOW_MS } from '../case.ts';
import type { NumberedCase, Outcome } from '../case.ts';
import { Skip } from '../deviation.ts';
import { runCases } from '../run.ts';
import { Bench } from './bench.ts';
import { probe } from './probe.ts';
import type { Target } from './target.ts';

/** How a server is tried. */
export interface ServerRunOptions {
  readonly target: Target;
  /** How long a server may take to answer; milliseconds. */
  readonly patienceMs: number;
  readonly atOnce: number;
  /** Also the cases that wait for longer than `SLOW_MS`. */
  readonly slow: boolean;
}

/** Tries cases on a server; throws when the server cannot be reached at all. */
export async function* runServerCases(cases: readonly NumberedCase<Bench>[], options: ServerRunOptions): AsyncGenerator<Outcome> {
  const { target, patienceMs, atOnce, slow } = options;
  const facts = await probe(target, patienceMs);
  yield* runCases(cases, {
    atOnce,
    async play(item, attend) {
      using bench = new Bench(target, facts, patienceMs);
      if (!slow && (item.waitsMs ?? 0) > SLOW_MS) throw new Skip('takes long: add --slow');
      await attend(bench);
    },
  });
}
