import t from 'tap';
import { complaints } from '../src/loop.ts';
import type { Loop } from '../src/loop.ts';
import { whyNot } from '../src/machine/means.ts';

/** Runs each loop as a test; one that this machine cannot run is skipped, with the reason. */
export async function tryLoops(loops: readonly Loop[]): Promise<void> {
  for (const loop of loops) {
    const skip = (await whyNot(loop.needs)) ?? false;
    await t.test(loop.name, { skip }, async (t) => {
      const tally = await loop.run(loop.rounds);
      t.comment(`${loop.name}: ${loop.rounds} rounds, ${String(tally)}${loop.mustLose === true ? ' (control: must lose)' : ''}`);
      t.same(complaints(loop, tally), []);
    });
  }
}
