import t from 'tap';
import { scenarios, scenariosNamed } from '../src/scenarios/all.ts';
import { mailboxPeers } from '../src/scenarios/mailbox-peers.ts';
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
    // Without any other queue on this machine there is nothing to judge, and it says so.
    t.ok(report.bounds.length > 0 || report.notes.length > 0, 'it judges something');
  });
}

void t.test('a name chooses a scenario, its beginning all that share it', (t) => {
  const namesOf = (name: string): string[] => scenariosNamed(name).map((scenario) => scenario.name);
  t.same(namesOf('echo'), ['echo']);
  t.same(namesOf('tenant'), ['tenant-flood', 'tenant-ids']);
  t.throws(() => scenariosNamed('tenan'), /^no scenario 'tenan'; there are codec, /);
  t.end();
});

void t.test('the mailbox is compared with the chosen queues, and with none', async (t) => {
  const report = await mailboxPeers.run({ ...smoke, peers: [] });
  t.same(report.notes, []);
  t.same(report.bounds, []);
  t.same([...new Set(report.figures.map(({ subject }) => subject))], ['mailbox, SDK']);
});
