import t from 'tap';
import { HEAP_PERCENT_MAX, LOOP_DELAY_MS_MAX, OVERLOAD_CALM_INTERVALS } from '../../src/limits.ts';
import { Pressure, Shedding } from '../../src/overload/pressure.ts';
import type { LoadSample } from '../../src/overload/pressure.ts';

const CALM: LoadSample = { loopDelayMs: 1, heapPercent: 20, inflightPercent: 1, applicationsShed: false };

/** Levels after each of some intervals. */
function levels(pressure: Pressure, sample: Partial<LoadSample>, intervals: number): number[] {
  return Array.from({ length: intervals }, () => {
    pressure.observe({ ...CALM, ...sample });
    return pressure.level;
  });
}

await t.test('a late loop refuses connections, then EVENTs, batch and the rest, one after the other', (t) => {
  const pressure = new Pressure();
  t.same(levels(pressure, { loopDelayMs: LOOP_DELAY_MS_MAX }, 3), [0, 0, 0], 'the bound itself is allowed');
  t.same(levels(pressure, { loopDelayMs: LOOP_DELAY_MS_MAX + 1 }, 6), [1, 2, 3, 4, 4, 4]);
  t.same(pressure.causes, ['event_loop']);
  t.equal(pressure.memoryShort, false);
  t.end();
});

await t.test('a loop that stood still for long goes there at once', (t) => {
  t.same(levels(new Pressure(), { loopDelayMs: 2.5 * LOOP_DELAY_MS_MAX }, 3), [2, 4, 4]);
  t.same(levels(new Pressure(), { loopDelayMs: 16_000 }, 1), [Shedding.INTERACTIVE]);
  t.end();
});

await t.test('it goes back step by step after a calm time, and not while it is in between', (t) => {
  const pressure = new Pressure();
  levels(pressure, { loopDelayMs: 120 }, 2);
  t.same(levels(pressure, { loopDelayMs: 75 }, 20).at(-1), 2, 'neither bad nor calm');
  t.same(pressure.causes, ['event_loop']);
  t.same(levels(pressure, {}, OVERLOAD_CALM_INTERVALS), [...new Array<number>(OVERLOAD_CALM_INTERVALS - 1).fill(2), 1]);
  t.same(pressure.causes, ['event_loop'], 'not ready while anything is refused');
  t.same(levels(pressure, {}, 1), [0]);
  t.same(pressure.causes, []);
  t.end();
});

await t.test('one bad interval makes the calm begin again', (t) => {
  const pressure = new Pressure();
  levels(pressure, { inflightPercent: 100 }, 1);
  t.same(pressure.causes, ['inflight']);
  t.equal(pressure.level, 0, 'the limit on requests in flight refuses by itself');
  levels(pressure, {}, OVERLOAD_CALM_INTERVALS - 1);
  levels(pressure, { inflightPercent: 100 }, 1);
  levels(pressure, {}, OVERLOAD_CALM_INTERVALS - 1);
  t.same(pressure.causes, ['inflight']);
  levels(pressure, {}, 1);
  t.same(pressure.causes, []);
  t.end();
});

await t.test('a full heap lets nobody in in the end', (t) => {
  const pressure = new Pressure();
  t.same(levels(pressure, { heapPercent: HEAP_PERCENT_MAX }, 1), [0]);
  t.same(levels(pressure, { heapPercent: HEAP_PERCENT_MAX + 0.1 }, 1), [2]);
  t.equal(pressure.memoryShort, false);
  t.same(levels(pressure, { heapPercent: 99 }, 1), [4]);
  t.equal(pressure.memoryShort, true);
  t.same(levels(pressure, { heapPercent: 88 }, 1), [4]);
  t.equal(pressure.memoryShort, true, 'until it is well below');
  levels(pressure, { heapPercent: 80 }, OVERLOAD_CALM_INTERVALS);
  t.equal(pressure.memoryShort, false);
  t.equal(pressure.level, 3);
  t.end();
});

await t.test('several causes are told until each is over', (t) => {
  const pressure = new Pressure();
  levels(pressure, { applicationsShed: true }, 1);
  levels(pressure, { loopDelayMs: 500, heapPercent: 95, inflightPercent: 120 }, 1);
  t.same(pressure.causes.sort(), ['application', 'event_loop', 'heap', 'inflight']);
  levels(pressure, { heapPercent: 95 }, OVERLOAD_CALM_INTERVALS);
  t.same(pressure.causes, ['heap']);
  t.equal(pressure.level, 4);
  t.end();
});
