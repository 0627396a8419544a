import { startNodeProcess } from '@omnigate/harness';
import t from 'tap';
import { isWithin } from '../src/case.ts';
import type { Outcome } from '../src/case.ts';
import { SERVER_CASES } from '../src/server/cases.ts';
import { runServerCases } from '../src/server/run-server.ts';
import { parseTarget } from '../src/server/target.ts';
import type { Bug } from './faulty-node.ts';
import { FaultyNode } from './faulty-node.ts';

await using node = await startNodeProcess();

/** Plays what does not wait for time limits of the node, in these sections, against a node with this bug. */
async function play(bug: Bug, sections: readonly string[]): Promise<Outcome[]> {
  await using proxy = await FaultyNode.start(node.url, bug);
  const cases = SERVER_CASES.filter((item) => item.waitsMs === undefined && sections.some((section) => isWithin(item, section)));
  const outcomes: Outcome[] = [];
  const options = { target: parseTarget(proxy.url, {}), patienceMs: 1_500, atOnce: 8, slow: false };
  for await (const outcome of runServerCases(cases, options)) outcomes.push(outcome);
  return outcomes;
}

const failed = (outcomes: readonly Outcome[]) => outcomes.filter(({ verdict }) => verdict === 'failed');

await t.test('without a bug no case fails behind the proxy', async (t) => {
  const outcomes = await play('none', ['3.1', '3.2', '4', '5', '6', '7.2', '7.3', '8.1', '15']);
  t.ok(outcomes.length > 150, `${outcomes.length} cases`);
  t.same(failed(outcomes), []);
});

/** What is to be found, in which sections, and a word of the explanation. */
const bugs: readonly (readonly [Bug, readonly string[], string, RegExp])[] = [
  ['wrong-len', ['15.1'], '15.1', /frames that §3 allows|nothing within/],
  ['start-missing', ['15.1'], '15.1', /START/],
  ['error-answered', ['6.1', '6.6'], '6.1', /no other frame/],
  ['corr-rounded', ['3.1'], '3.1', /a reply with status 200 to corr/],
  ['credit-ignored', ['7.2', '7.3'], '7.2', /bytes of the reply/],
  ['hello-field-missing', ['4.3'], '4.3', /max_inflight_bytes/],
  ['hello-repeatable', ['4'], '4', /hello_repeated/],
  ['flags-masked', ['3.2'], '3.2', /bad_flags/],
  ['end-missing', ['4.1'], '4.1', /the end of the connection/],
  ['tenant-lost', ['3.1'], '3.1', /tenant_id/],
  ['ping-empty', ['5.2'], '5.2', /a payload/],
  ['credit-dropped', ['7.3'], '7.3', /bytes of the reply/],
];

for (const [bug, sections, section, words] of bugs) {
  await t.test(`finds the bug ${bug}`, async (t) => {
    const found = failed(await play(bug, sections));
    const told = found.filter((outcome) => outcome.section === section).map(({ expected, actual, message }) => [expected, actual, message].join(' '));
    t.ok(told.length > 0, `a case of §${section} fails`);
    t.ok(told.some((text) => words.test(text)), `and says why: ${told.join(' | ')}`);
  });
}
