import type { NumberedCase, Outcome } from './case.ts';
import { Deviation, Skip } from './deviation.ts';
import type { Trace } from './trace.ts';

/** What a case works with: it is closed when the case is over. */
interface Stage {
  readonly trace: Trace;
}

/** How cases are played. */
export interface RunOptions<Context> {
  readonly atOnce: number;
  /** Plays one case in a context of its own. */
  readonly play: (item: NumberedCase<Context>, attend: (context: Context & Stage) => Promise<void>) => Promise<void>;
}

/** Plays cases, some at a time and those that wait first, and yields the outcomes in their order. */
export async function* runCases<Context>(cases: readonly NumberedCase<Context>[], options: RunOptions<Context>): AsyncGenerator<Outcome> {
  const queue = [...cases].sort((a, b) => (b.waitsMs ?? 0) - (a.waitsMs ?? 0));
  const done = new Map<string, (outcome: Outcome) => void>();
  const outcomes = cases.map((item) => new Promise<Outcome>((resolve) => done.set(item.id, resolve)));
  const work = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) done.get(item.id)?.(await outcomeOf(item, options));
  };
  const workers = Array.from({ length: options.atOnce }, work);
  for (const outcome of outcomes) yield await outcome;
  await Promise.all(workers);
}

async function outcomeOf<Context>(item: NumberedCase<Context>, { play }: RunOptions<Context>): Promise<Outcome> {
  const beganMs = performance.now();
  let trace: Trace | undefined;
  let result: Pick<Outcome, 'verdict'> & Partial<Outcome>;
  try {
    await play(item, async (context) => {
      trace = context.trace;
      await item.run(context);
    });
    result = { verdict: 'passed' };
  } catch (error) {
    result = resultOf(error);
  }
  const { id, section, title } = item;
  return { id, section, title, ...result, durationMs: Math.round(performance.now() - beganMs), trace: trace?.lines ?? [] };
}

function resultOf(error: unknown): Pick<Outcome, 'verdict'> & Partial<Outcome> {
  if (error instanceof Skip) return { verdict: 'skipped', message: error.message };
  if (error instanceof Deviation) {
    const { expected, actual, section } = error;
    return { verdict: 'failed', expected, actual, ...(section !== undefined && { rule: section }) };
  }
  return { verdict: 'failed', message: error instanceof Error ? error.message : String(error) };
}
