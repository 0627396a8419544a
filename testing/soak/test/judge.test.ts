import t from 'tap';
import type { Evidence, NodeEvidence } from '../src/judge/evidence.ts';
import { holds, judge } from '../src/judge/judge.ts';
import { median, slopeOf, thinned } from '../src/judge/theil-sen.ts';
import type { LoadTally } from '../src/load/tally.ts';
import { mergeAttacks, mergeLoads } from '../src/merge.ts';
import { profileOf } from '../src/profiles.ts';
import { countDescriptors, targetsBeyond } from '../src/samples/process-files.ts';
import type { FolderBytes, Sample } from '../src/samples/sample.ts';
import { madeUp, madeUpLoad, madeUpNode, madeUpSamples, MIB } from './made-up.ts';

/** Names of what does not hold, or was not judged. */
function named(evidence: Evidence, verdict: 'fails' | 'unjudged' = 'fails'): readonly string[] {
  return judge(evidence).filter((finding) => finding.verdict === verdict).map(({ name }) => name);
}

function withLoad(change: (load: LoadTally) => void): Evidence {
  const load = madeUpLoad();
  change(load);
  return madeUp({ load });
}

function withNode(name: 'steady' | 'rolling', more: Partial<NodeEvidence>): Evidence {
  return madeUp({ nodes: [madeUpNode('steady', name === 'steady' ? more : {}), madeUpNode('rolling', name === 'rolling' ? more : {})] });
}

function withSamples(name: 'steady' | 'rolling', change: (sample: Sample) => Partial<Sample>): Evidence {
  return withNode(name, { samples: madeUpSamples(name === 'steady', change) });
}

/** A figure that is `share` higher at the end of the hour than at its begin. */
function grown(value: number, share: number, { atMs }: Sample): number {
  return value * (1 + (share * atMs) / 3_600_000);
}

await t.test('a run in which nothing grows holds', (t) => {
  const findings = judge(madeUp());
  t.same(findings.filter(({ verdict }) => verdict !== 'holds'), []);
  t.ok(holds(findings));
  t.end();
});

await t.test('each thing that must hold is missed by its name', (t) => {
  const cases: Record<string, Evidence> = {
    availability: withLoad(({ kinds }) => (kinds.storage.failed.connection_lost = 37)),
    'refused for good': withLoad(({ kinds }) => (kinds.echo.refused.overload = 3_700)),
    'load offered': madeUp({ rate: 1_000 }),
    'counters of the mailbox': withLoad(({ scans }) => (scans.different = 1)),
    'attack traffic': madeUp({ attacks: { ...madeUp().attacks, messages: 1_000 } }),
    'unexpected reactions to attacks': madeUp({ attacks: { ...madeUp().attacks, unexpected: 1 } }),
    'keys rotated': madeUp({ chores: [{ name: 'keys rotated', done: 0, slowestMs: 0, failures: [] }] }),
    restarts: madeUp({ chores: [{ name: 'restarts', done: 12, slowestMs: 0, failures: ['it did not start'] }] }),
    'steady: errors in the log': withNode('steady', { errors: ['ServiceCrashed'] }),
    // One file less does not make up for a socket more.
    'rolling: descriptors left over': withNode('rolling', { after: { sockets: 6, files: 94, others: 21 } }),
    'steady: memory': withSamples('steady', (sample) => ({ rssBytes: grown(sample.rssBytes, 0.15, sample) })),
    'steady: open descriptors': withSamples('steady', (sample) => ({ descriptors: { ...sample.descriptors, files: Math.floor(grown(95, 0.1, sample)) } })),
    'steady: event loop delay': withSamples('steady', (sample) => ({ loopDelayMs: grown(40, 3, sample) })),
    'rolling: memory from life to life': withSamples('rolling', ({ life }) => ({ rssBytes: (100 + life * 6) * MIB })),
    'steady: audit log': withSamples('steady', (sample) => ({ folder: { ...sample.folder, audit: grown(MIB, 200, sample) } })),
  };
  for (const [name, evidence] of Object.entries(cases)) {
    t.same(named(evidence), [name], name);
    t.notOk(holds(judge(evidence)), `${name}: the run does not hold`);
  }
  for (const part of ['mailbox', 'storage', 'rest'] as const) {
    const grow = (sample: Sample): FolderBytes => ({ ...sample.folder, [part]: grown(100 * MIB, 0.3, sample) });
    t.same(named(withSamples('rolling', (sample) => ({ folder: grow(sample) }))), [`rolling: files of ${part}`]);
  }
  t.end();
});

await t.test('a broken promise counts as a request that failed', (t) => {
  t.same(named(withLoad(({ kinds }) => (kinds.mailbox.wrong = 1))), ['broken promises']);
  t.same(named(withLoad(({ kinds }) => (kinds.mailbox.wrong = 40))), ['availability', 'broken promises']);
  t.end();
});

await t.test('four nines: 36 of 360,000 requests may fail, and refusals are not among them', (t) => {
  t.same(named(withLoad(({ kinds }) => { kinds.echo.failed.deadline_exceeded = 36; kinds.echo.answered -= 36; })), []);
  t.same(named(withLoad(({ kinds }) => (kinds.echo.refused.quota_tenant = 3_000))), []);
  t.end();
});

await t.test('a run in which nothing happened does not hold', (t) => {
  const idle = madeUp({ load: mergeLoads([]), attacks: mergeAttacks([]) });
  t.same(named(idle), ['availability', 'load offered', 'kinds of load', 'counters of the mailbox', 'attack traffic']);
  t.same(named(withLoad(({ kinds }) => (kinds.storage.answered = 0))), ['kinds of load']);
  t.end();
});

await t.test('what there is too little of is not judged, and said so', (t) => {
  const first = madeUpSamples(true).slice(0, 4);
  const evidence = madeUp({ nodes: [madeUpNode('steady', { samples: first })] });
  t.ok(named(evidence, 'unjudged').includes('steady: memory'));
  t.ok(holds(judge(evidence)));
  // Of a few minutes, the delay of the loop says nothing.
  const short = madeUpSamples(true, (sample) => ({ loopDelayMs: sample.atMs })).slice(0, 30);
  t.same(named(madeUp({ nodes: [madeUpNode('steady', { samples: short })] }), 'unjudged'), ['steady: event loop delay']);
  t.end();
});

await t.test('a profile without attacks or restarts is not asked for them', (t) => {
  const evidence = madeUp({ profile: profileOf('mailbox'), attacks: mergeAttacks([]), chores: [], nodes: [madeUpNode('steady')] });
  t.same(named(evidence), []);
  t.end();
});

await t.test('the slope is that of most pairs', (t) => {
  const line = Array.from({ length: 100 }, (_, at) => ({ at, value: 5 + 2 * at }));
  t.equal(slopeOf(line), 2);
  const torn = line.map((point, index) => (index % 5 === 0 ? { ...point, value: 10_000 } : point));
  t.ok(Math.abs(slopeOf(torn) - 2) < 0.5, 'a fifth of the points may be anything');
  t.ok(Number.isNaN(slopeOf([{ at: 1, value: 1 }])));
  t.equal(median([3, 1, 2]), 2);
  t.equal(median([4, 1, 2, 3]), 2.5);
  t.same(thinned([0, 1, 2, 3, 4, 5], 3), [0, 2, 4]);
  t.end();
});

await t.test('descriptors are told apart by what they lead to, and counted where they are the same', (t) => {
  const before = ['socket:[1]', '/dev/null', '/data/a', 'pipe:[2]'];
  t.same(countDescriptors(before), { sockets: 1, files: 1, others: 2 });
  t.same(targetsBeyond(before, before), []);
  t.same(targetsBeyond(before, ['socket:[3]', '/dev/null', '/dev/null', '/dev/null', '/data/a']), ['socket:[3]', '/dev/null, 2 times']);
  t.end();
});

await t.test('tallies of several processes add up', (t) => {
  const [one, other] = [madeUpLoad(), madeUpLoad()];
  one.kinds.echo.failed.internal = 2;
  other.kinds.echo.failed.internal = 3;
  other.kinds.echo.slowestMs = 9;
  const merged = mergeLoads([one, undefined, other]);
  t.match(merged.kinds.echo, { asked: 432_000, answered: 432_000, failed: { internal: 5 }, slowestMs: 9 });
  t.equal(merged.scans.made, 8);
  const { attacks } = madeUp();
  t.match(mergeAttacks([attacks, undefined, attacks]), { messages: 7_400, made: { 'bad frame': 200 }, absent: 4 });
  t.end();
});
