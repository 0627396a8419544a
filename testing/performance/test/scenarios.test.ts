import t from 'tap';
import { scenarios } from '../src/scenarios/all.ts';
import type { Run } from '../src/scenarios/plan.ts';

/** The smallest load there is: shows that every part works, and no figure means anything. */
const smoke: Run = { scale: 0.0001, rounds: 2, serverArgs: [] };

for (const scenario of scenarios) {
  void t.test(`${scenario.name} runs from end to end`, async (t) => {
    const report = await scenario.run(smoke);
    t.equal(report.scenario, scenario.name);
    t.ok(report.figures.length > 0, 'it measures something');
    for (const { subject, measure, values } of report.figures) {
      // A peer that never reads is not waited for here, so nothing is known of its end.
      if (measure === 'cut off after') continue;
      // Under overload for moments, on a busy machine, nothing may be served in time.
      if (measure.endsWith('of the served')) continue;
      t.ok(values.length > 0 && values.every(Number.isFinite), `${subject}: ${measure} is ${values.join(', ')}`);
      if (measure === 'rate') t.ok(values.every((rate) => rate > 0), `${subject} answers`);
    }
    t.ok(report.bounds.length > 0, 'it judges something');
  });
}
