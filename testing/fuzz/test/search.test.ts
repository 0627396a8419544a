import t from 'tap';

import { intersect, signatureOf } from '../src/engine/ranges.ts';
import { mutate } from '../src/engine/mutate.ts';
import { Random } from '../src/engine/random.ts';
import { runInput } from '../src/engine/runner.ts';
import { kindOf, Search } from '../src/engine/search.ts';
import { selectInputs } from '../src/engine/select.ts';
import { shrink } from '../src/engine/shrink.ts';
import { Finding } from '../src/engine/target.ts';
import type { Target } from '../src/engine/target.ts';
import { planted, readPlanted } from './planted.ts';

/** Steps of a search for the planted fault; some hundred find it. */
const STEPS_MAX = 3_000;

/** Searches until something is found. */
async function find(target: Target, seed: number, stepsMax: number) {
  const found: { finding: Finding; input: Uint8Array }[] = [];
  const search = new Search(target, new Random(seed), { found: (finding, input) => found.push({ finding, input }) });
  for (const input of target.seeds) await search.take(input);
  let steps = 0;
  for (; steps < stepsMax && found.length === 0; steps++) await search.step();
  await search.close();
  return { found, steps, totals: search.totals };
}

await t.test('a planted fault behind magic bytes is found, shrunk and told', async (t) => {
  const startMs = performance.now();
  const { found, totals } = await find(planted, 1, STEPS_MAX);
  t.ok(found.length >= 1);
  t.equal(found[0]?.finding.oracle, 'exception');
  t.match(found[0]?.finding.message, /planted/);
  t.same([...(found[0]?.input ?? [])].slice(0, 3), [0x4f, 0x41, 0x50]);
  t.ok((found[0]?.input.length ?? 99) <= 4 + 255);
  t.ok(totals.fresh >= 4, 'each comparison was a new input');
  t.equal(totals.reached, totals.characters, 'all of it was reached');
  t.comment(`found after ${totals.executions} runs and ${Math.round(performance.now() - startMs)} ms`);
});

await t.test('without coverage it is not found', async (t) => {
  const { found, totals } = await find({ ...planted, covers: ['nowhere:'] }, 1, STEPS_MAX / 50);
  t.equal(found.length, 0, `not by ${totals.executions} runs`);
  t.equal(totals.features, 0);
});

await t.test('the same seed makes the same inputs', (t) => {
  const material = { dictionary: [Uint8Array.of(1, 2)], other: () => Uint8Array.of(9, 9), bytesMax: 64 };
  const inputs = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 50 }, () => Buffer.from(mutate(new Uint8Array(20), random, material)).toString('hex'));
  };
  t.same(inputs(7), inputs(7));
  t.notSame(inputs(7), inputs(8));
  t.ok(inputs(7).every((hex) => hex.length <= 128), 'bounded');
  t.end();
});

await t.test('a finding of one kind is told twice at most, and others still are', async (t) => {
  const kinds: string[] = [];
  const target: Target = {
    name: 'noisy',
    covers: [import.meta.url],
    seeds: [],
    dictionary: [],
    run: (input) => {
      throw new Finding(input.length % 2 === 0 ? 'even' : 'odd', `${input.length} bytes`);
    },
  };
  const search = new Search(target, new Random(3), { found: (finding) => kinds.push(kindOf(finding)) });
  for (let step = 0; step < 5; step++) await search.step();
  await search.close();
  t.same(kinds.sort(), ['even: N bytes', 'even: N bytes', 'odd: N bytes', 'odd: N bytes']);
});

await t.test('each oracle of a run fails once', (t) => {
  const base = { name: 'costly', covers: [], seeds: [], dictionary: [] };
  const oracleOf = (run: Target['run'], budget?: { cpuMs: number; memoryBytes: number }) => runInput({ ...base, run }, Uint8Array.of(1, 2, 3), budget).finding?.oracle;
  const large: Uint8Array[] = [];
  t.equal(oracleOf(() => true), undefined, 'nothing is wrong');
  t.equal(oracleOf(() => { throw new RangeError('out of range'); }), 'exception');
  t.equal(oracleOf(() => { throw new Finding('round-trip', 'differs'); }), 'round-trip');
  t.equal(oracleOf((input) => input.fill(9).length > 0), 'input-changed');
  t.equal(oracleOf(() => spin(30), { cpuMs: 10, memoryBytes: 1e9 }), 'time');
  t.equal(oracleOf(() => large.push(new Uint8Array(4_000_000).fill(1)) > 0, { cpuMs: 10_000, memoryBytes: 2_000_000 }), 'memory');
  let calls = 0;
  t.equal(oracleOf(() => (calls++ === 0 ? spin(30) : true), { cpuMs: 10, memoryBytes: 1e9 }), undefined, 'slow once only is the machine');
  t.end();
});

/** Uses CPU time. */
function spin(ms: number): boolean {
  const before = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(before);
    if ((user + system) / 1_000 > ms) return true;
  }
}

await t.test('shrinking leaves what matters', (t) => {
  const input = new Uint8Array(300).fill(7);
  input[211] = 1;
  t.same(shrink(input, (candidate) => candidate.includes(1)), Uint8Array.of(1));
  t.end();
});

await t.test('of inputs that reach the same, the smallest is kept', (t) => {
  const path = [0x4f, 0x41, 0x50, 4, 0, 0, 0, 0];
  const inputs = [[...path, ...new Array<number>(200).fill(0)], path, [0x4f], [0x4f, 9, 9], [0x4f, 0x41]].map((bytes) => Uint8Array.from(bytes));
  t.same(inputs.map(readPlanted), ['ok', 'ok', 'half a magic', 'half a magic', 'no version']);
  const kept = selectInputs(planted, inputs).map((input) => input.length).sort((a, b) => a - b);
  t.same(kept, [1, 2, 8]);
  t.end();
});

await t.test('lists of ranges', (t) => {
  const list = (...pairs: [number, number][]) => pairs.map(([start, end]) => ({ start, end }));
  t.same(intersect(list([0, 10], [20, 30]), list([5, 25])), list([5, 10], [20, 25]));
  t.same(intersect(list([0, 10]), list()), []);
  t.not(signatureOf(list([0, 1])), signatureOf(list([0, 2])));
  t.not(signatureOf(list([0, 1], [2, 3])), signatureOf(list([2, 3], [0, 1])));
  t.end();
});
