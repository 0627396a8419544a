import t from 'tap';
import { codecCases, Subject } from '../src/codec-cases.ts';
import { codec } from '../src/codec.ts';
import { spreadOf } from '../src/statistics.ts';

/**
 * Times of the same run over the time of reading a header by Buffer methods,
 * which no change of ours makes faster or slower. Each bound is five to ten
 * times what was measured when it was set, so that only a gross loss fails.
 */
const RATIO_MAX: Readonly<Record<string, number>> = {
  [Subject.HEADER]: 0.3,
  [Subject.DECODE]: 0.6,
  [Subject.DECODE_CUT]: 0.8,
  [Subject.DECODE_CUT_SHORT]: 3,
  [Subject.APPEND]: 5,
};

void t.test('the codec has not become several times slower', async (t) => {
  const { figures } = await codec.run({ scale: 0.3, rounds: 7, serverArgs: [] });
  const best = new Map(figures.map(({ subject, values }) => [subject, spreadOf(values).min]));
  const reference = best.get(Subject.HEADER_BUFFER) ?? Number.NaN;
  for (const [subject, bound] of Object.entries(RATIO_MAX)) {
    const ratio = (best.get(subject) ?? Number.NaN) / reference;
    t.ok(ratio <= bound, `${subject}: ${ratio.toFixed(2)} of ${reference.toFixed(0)} ns, at most ${bound}`);
  }
});

void t.test('each case does all of its work in every pass', (t) => {
  for (const one of codecCases()) {
    const first = one.pass();
    t.not(first, 0, `${one.measure}, ${one.subject}: something was done`);
    t.equal(one.pass(), first, `${one.measure}, ${one.subject}: and done again`);
  }
  t.end();
});
