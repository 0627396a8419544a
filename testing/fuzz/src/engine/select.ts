import { CORPUS_BYTES_KEPT_MAX, CORPUS_INPUTS_KEPT_MAX } from '../bounds.ts';
import { Coverage } from './coverage.ts';
import { runInput } from './runner.ts';
import type { Target } from './target.ts';

/**
 * A small set of inputs that together reach what all of them reach and the
 * target's seeds do not: always the one that adds most for its size next, until
 * nothing is added or the bounds are reached.
 */
export function selectInputs(target: Target, inputs: readonly Uint8Array[]): Uint8Array[] {
  const coverage = new Coverage(target.covers);
  const reached = new Set<string>();
  const reach = (input: Uint8Array): Set<string> => {
    coverage.reset();
    runInput(target, input);
    return coverage.all();
  };
  // Twice, since what runs once only, such as filling a table, belongs to no input.
  for (const seed of [...target.seeds, ...target.seeds]) for (const feature of reach(seed)) reached.add(feature);
  let candidates = inputs.map((input) => ({ input, adds: reach(input) }));
  const kept: Uint8Array[] = [];
  let bytes = 0;
  while (kept.length < CORPUS_INPUTS_KEPT_MAX) {
    for (const { adds } of candidates) for (const feature of adds) if (reached.has(feature)) adds.delete(feature);
    candidates = candidates.filter(({ input, adds }) => adds.size > 0 && bytes + input.length <= CORPUS_BYTES_KEPT_MAX);
    const [first, ...others] = candidates;
    if (first === undefined) break;
    const best = others.reduce((a, b) => (worth(b) > worth(a) ? b : a), first);
    kept.push(best.input);
    bytes += best.input.length;
    for (const feature of best.adds) reached.add(feature);
  }
  return kept;
}

function worth({ input, adds }: { readonly input: Uint8Array; readonly adds: ReadonlySet<string> }): number {
  // A file has its cost too.
  return adds.size / (input.length + 64);
}
