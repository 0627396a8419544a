import t from 'tap';
import { judge } from '../src/judge/judge.ts';
import { readPlan } from '../src/plan.ts';
import { reportAsHtml } from '../src/report/html.ts';
import { reportAsText } from '../src/report/text.ts';
import { madeUp, madeUpNode } from './made-up.ts';

await t.test('the report names what does not hold, and why', (t) => {
  const evidence = madeUp({ nodes: [madeUpNode('steady', { errors: ['ServiceCrashed: <leaky> & co'], after: { sockets: 6, files: 95, others: 21 }, leftOver: ['socket:[4711]'] })] });
  const findings = judge(evidence);
  const text = reportAsText(evidence, findings);
  t.match(text, /^Soak 'general', 1:00:00, seed 1: 2 of \d+ do not hold\n/);
  t.match(text, /^FAIL steady: descriptors left over: 6 sockets, 95 files, 21 others \(as before: 5 sockets/m);
  t.match(text, /left open: socket:\[4711\]/);
  const page = reportAsHtml(evidence, findings);
  t.match(page, /ServiceCrashed: &lt;leaky&gt; &amp; co/);
  t.equal(page.match(/<svg /g)?.length, 8, 'a plot of each figure');
  t.notMatch(page, /(?:src|href)=|url\(|@import|<script/, 'the page loads nothing');
  t.notMatch(page, /NaN|Infinity|undefined/);
  t.end();
});

await t.test('an hour that was cut short says so', (t) => {
  const evidence = madeUp({ seconds: 60 });
  t.match(reportAsText(evidence, judge(evidence)), /^Soak 'general', 0:01:00, ended early of 1:00:00, seed 1/);
  t.end();
});

await t.test('a page without samples is a page', (t) => {
  const evidence = madeUp({ nodes: [madeUpNode('steady', { samples: [] })] });
  t.notMatch(reportAsHtml(evidence, judge(evidence)), /NaN|Infinity|undefined/);
  t.end();
});

await t.test('the command line', (t) => {
  t.match(readPlan(['--hours', '24', '--seed', '5']), { durationMs: 86_400_000, seed: 5, rate: 200, sampleMs: 10_000, chorePauseMs: 300_000, profile: { name: 'general' } });
  t.match(readPlan(['--minutes', '2']), { durationMs: 120_000, sampleMs: 5_000, chorePauseMs: 20_000 });
  t.equal(readPlan(['--help']), undefined);
  for (const [args, complaint] of [
    [['--hours', '0'], /--hours takes a number from/],
    [['--hours', '1', '--minutes', '1'], /--hours or --minutes, not both/],
    [['--minutes', 'two'], /--minutes takes a number from .*, not 'two'/],
    [['--rate', ''], /--rate takes a number from 1 to 20000/],
    [['--profile', 'gentle'], /no profile 'gentle'/],
    [['--fast'], /--fast/],
  ] as const) {
    t.throws(() => readPlan(args), { message: complaint });
  }
  t.end();
});
