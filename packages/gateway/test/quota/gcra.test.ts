import { RETRY_AFTER_MS_MAX, RETRY_AFTER_MS_MIN, retryAfterMs } from '@omnigate/kernel';
import fc from 'fast-check';
import t from 'tap';
import { debtMs, FULL_AT_MS, paceOf, repaced, take, waitMs } from '../../src/quota/gcra.ts';
import type { Rate } from '../../src/quota/gcra.ts';

const rates = fc.record({
  perSecond: fc.double({ min: 0.5, max: 100_000, noNaN: true }),
  burst: fc.double({ min: 1, max: 100_000, noNaN: true }),
});
/** Requests: the pause before each, and its cost. */
const requests = fc.array(
  fc.record({
    pauseMs: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 50, noNaN: true }), fc.double({ min: 0, max: 20_000, noNaN: true })),
    cost: fc.integer({ min: 1, max: 130 }),
  }),
  { minLength: 1, maxLength: 200 },
);

/** What a bucket admitted of a series of requests, with the moment of each. */
function run(rate: Rate, series: readonly { pauseMs: number; cost: number }[], startMs: number) {
  const pace = paceOf(rate);
  const admitted: { atMs: number; cost: number }[] = [];
  let nowMs = startMs;
  let fullAtMs = FULL_AT_MS;
  for (const { pauseMs, cost } of series) {
    nowMs += pauseMs;
    if (waitMs(pace, fullAtMs, nowMs, cost) > 0) continue;
    fullAtMs = take(pace, fullAtMs, nowMs, cost);
    admitted.push({ atMs: nowMs, cost });
  }
  return { pace, admitted, fullAtMs, nowMs };
}

await t.test('in no window is more admitted than burst + rate x window + one cost', (t) => {
  fc.assert(
    fc.property(rates, requests, fc.double({ min: 0, max: 1e9, noNaN: true }), (rate, series, startMs) => {
      const { admitted } = run(rate, series, startMs);
      for (let first = 0; first < admitted.length; first++) {
        let total = 0;
        for (let last = first; last < admitted.length; last++) {
          const { atMs, cost } = admitted[last] as (typeof admitted)[number];
          total += cost;
          const windowMs = atMs - (admitted[first] as (typeof admitted)[number]).atMs;
          // A thousandth of a millisecond for the rounding of the clock.
          const allowed = rate.burst + (rate.perSecond * (windowMs + 0.001)) / 1_000 + cost;
          if (total > allowed * (1 + 1e-9)) return false;
        }
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.pass('in every case');
  t.end();
});

await t.test('what is refused succeeds when it comes back at the time it was told, and not much sooner', (t) => {
  let told = 0;
  fc.assert(
    fc.property(rates, requests, fc.integer({ min: 1, max: 130 }), fc.double({ min: 0, max: 0.999_999, noNaN: true }), (rate, series, cost, random) => {
      const { pace, fullAtMs, nowMs } = run(rate, series, 5_000);
      const wait = waitMs(pace, fullAtMs, nowMs, cost);
      if (wait === 0) return true;
      if (waitMs(pace, fullAtMs, nowMs + wait, cost) > 0) return false;
      if (wait > 1 && waitMs(pace, fullAtMs, nowMs + wait * 0.99, cost) === 0) return false;
      const retryMs = retryAfterMs(wait, random);
      if (!Number.isInteger(retryMs) || retryMs < RETRY_AFTER_MS_MIN || retryMs > RETRY_AFTER_MS_MAX) return false;
      if (wait > RETRY_AFTER_MS_MAX) return true;
      told++;
      return waitMs(pace, fullAtMs, nowMs + retryMs, cost) === 0;
    }),
    { numRuns: 2_000 },
  );
  t.ok(told > 200, `${told} refusals were told a time`);
  t.end();
});

await t.test('one bucket by hand: 10 a second, 5 at once', (t) => {
  const pace = paceOf({ perSecond: 10, burst: 5 });
  t.same(pace, { intervalMs: 100, depthMs: 500 });
  let full = FULL_AT_MS;
  for (let i = 0; i < 5; i++) {
    t.equal(waitMs(pace, full, 1_000, 1), 0);
    full = take(pace, full, 1_000, 1);
  }
  t.equal(full, 1_500);
  t.equal(waitMs(pace, full, 1_000, 1), 100);
  t.equal(waitMs(pace, full, 1_000, 3), 300);
  t.equal(waitMs(pace, full, 1_100, 1), 0);
  t.equal(waitMs(pace, full, 1_000, 9), 500, 'more than a burst needs a full bucket');
  t.equal(waitMs(pace, full, 1_500, 9), 0);
  t.equal(debtMs(pace, full, 1_000), 0, 'empty is no debt');
  full = take(pace, full, 1_000, 20);
  t.equal(debtMs(pace, full, 1_000), 2_000);
  t.equal(debtMs(pace, full, 3_000), 0);
  t.end();
});

await t.test('without a rate nothing is counted', (t) => {
  const pace = paceOf(undefined);
  t.equal(waitMs(pace, FULL_AT_MS, 1, 1e12), 0);
  t.equal(take(pace, FULL_AT_MS, 7, 1e12), 7);
  t.equal(debtMs(pace, 7, 7), 0);
  t.end();
});

await t.test('another pace keeps the filling of a bucket', (t) => {
  const slow = paceOf({ perSecond: 10, burst: 10 });
  const fast = paceOf({ perSecond: 1_000, burst: 100 });
  const half = take(slow, FULL_AT_MS, 1_000, 5);
  t.equal(repaced(slow, fast, half, 1_000), 1_050, 'half of 100 ms');
  t.equal(repaced(fast, slow, 1_050, 1_000), 1_500);
  t.equal(repaced(slow, fast, 900, 1_000), 900, 'full stays full');
  t.equal(repaced(slow, paceOf(undefined), half, 1_000), 1_000, 'no bound, no debt');
  t.equal(repaced(paceOf(undefined), slow, 1_000, 1_000), 1_000);
  t.end();
});

await t.test('what is no rate is refused', (t) => {
  for (const rate of [
    { perSecond: 0, burst: 1 },
    { perSecond: 1, burst: 0 },
    { perSecond: -1, burst: 1 },
    { perSecond: Number.NaN, burst: 1 },
    { perSecond: 1, burst: Infinity },
    { perSecond: Infinity, burst: 1 },
  ]) {
    t.throws(() => paceOf(rate), RangeError);
  }
  t.end();
});

await t.test('those who were refused are spread over a second, within 1 to 5 s', (t) => {
  t.equal(retryAfterMs(0.5, 0), 1_000);
  t.equal(retryAfterMs(0.5, 0.999_999), 1_999);
  t.equal(retryAfterMs(2_000.2, 0), 2_001);
  t.equal(retryAfterMs(4_900, 0.5), 5_000);
  t.equal(retryAfterMs(60_000, 0), 5_000);
  t.end();
});
