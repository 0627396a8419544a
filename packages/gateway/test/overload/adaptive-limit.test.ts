import fc from 'fast-check';
import t from 'tap';
import { APP_CONCURRENCY_INITIAL, APP_CONCURRENCY_MAX, APP_CONCURRENCY_MIN, APP_LATENCY_SAMPLES_MIN } from '../../src/limits.ts';
import { adapt, ADAPTIVE_START } from '../../src/overload/adaptive-limit.ts';
import type { AdaptiveState } from '../../src/overload/adaptive-limit.ts';

interface Backend {
  /** Requests it works on at one time; the others wait inside it. */
  readonly parallel: number;
  /** Time of one request that does not wait. */
  readonly serviceMs: number;
}

const INTERVAL_MS = 250;

/**
 * A closed loop: `offered` callers who each have one request in flight when they
 * may. By Little's law a request takes inflight / throughput.
 */
function interval(state: AdaptiveState, { parallel, serviceMs }: Backend, offered: number) {
  const inflight = Math.min(offered, Math.floor(state.limit));
  const meanMs = serviceMs * Math.max(1, inflight / parallel);
  const perSecond = (inflight / meanMs) * 1_000;
  const samples = Math.round((perSecond * INTERVAL_MS) / 1_000);
  return { next: adapt(state, { samples, meanMs, inflightMax: inflight }), perSecond, meanMs };
}

function settle(state: AdaptiveState, backend: Backend, offered: number, seconds: number) {
  let last = interval(state, backend, offered);
  for (let i = 1; i < (seconds * 1_000) / INTERVAL_MS; i++) last = interval(last.next, backend, offered);
  return last;
}

await t.test('ten times the capacity: the limit falls to what the service does, and goodput stays', (t) => {
  const backend = { parallel: 100, serviceMs: 10 };
  const peakPerSecond = (backend.parallel / backend.serviceMs) * 1_000;
  const calm = settle(ADAPTIVE_START, backend, 20, 5);
  t.equal(calm.next.limit, APP_CONCURRENCY_INITIAL, 'a limit nobody meets stays');
  t.equal(calm.next.baselineMs, 10);
  const loaded = settle(calm.next, backend, 10 * backend.parallel, 20);
  t.ok(loaded.perSecond >= 0.9 * peakPerSecond, `${loaded.perSecond} a second of ${peakPerSecond}`);
  t.ok(loaded.next.limit < 3 * backend.parallel, `limit ${loaded.next.limit}`);
  t.ok(loaded.meanMs < 3 * backend.serviceMs, `${loaded.meanMs} ms each`);
  const hour = settle(loaded.next, backend, 10 * backend.parallel, 600);
  t.ok(hour.perSecond >= 0.9 * peakPerSecond && hour.meanMs < 3 * backend.serviceMs, `after ten minutes ${hour.meanMs} ms`);
  t.end();
});

await t.test('a service that can do more gets more', (t) => {
  const small: AdaptiveState = { limit: APP_CONCURRENCY_MIN, baselineMs: 10 };
  const { next, perSecond } = settle(small, { parallel: 5_000, serviceMs: 10 }, 5_000, 15);
  t.ok(next.limit > 5_000, `limit ${next.limit}`);
  t.equal(perSecond, 500_000);
  t.end();
});

await t.test('a service that became slower by itself is not starved for good', (t) => {
  const before = settle(ADAPTIVE_START, { parallel: 200, serviceMs: 5 }, 300, 30);
  const slower = { parallel: 200, serviceMs: 50 };
  t.ok(settle(before.next, slower, 300, 9).perSecond < 0.5 * 4_000, 'at first it looks like a queue');
  t.ok(settle(before.next, slower, 300, 20).perSecond >= 0.9 * 4_000, 'and soon it does not');
  t.end();
});

await t.test('a service that does one thing at a time has a queue, and a short one', (t) => {
  const { next, perSecond } = settle(ADAPTIVE_START, { parallel: 1, serviceMs: 1 }, 5, 5);
  t.equal(perSecond, 1_000);
  const loaded = settle(next, { parallel: 1, serviceMs: 1 }, 10_000, 600);
  t.equal(loaded.perSecond, 1_000);
  t.ok(loaded.next.limit < 4 * APP_CONCURRENCY_MIN, `limit ${loaded.next.limit}`);
  t.end();
});

await t.test('too few samples, or none, change nothing', (t) => {
  const state: AdaptiveState = { limit: 100, baselineMs: 10 };
  t.equal(adapt(state, { samples: APP_LATENCY_SAMPLES_MIN - 1, meanMs: 1_000, inflightMax: 100 }), state);
  t.equal(adapt(state, { samples: 0, meanMs: 0, inflightMax: 0 }), state);
  t.equal(adapt(state, { samples: 1_000, meanMs: Number.NaN, inflightMax: 0 }), state);
  t.end();
});

await t.test('the limit stays within its bounds and one look never more than halves it, whatever is measured', (t) => {
  const windows = fc.array(
    fc.record({
      samples: fc.integer({ min: 0, max: 1_000_000 }),
      meanMs: fc.oneof(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.constantFrom(0, 1e-300, 1e300)),
      inflightMax: fc.integer({ min: 0, max: 100_000 }),
    }),
    { maxLength: 100 },
  );
  fc.assert(
    fc.property(windows, (series) => {
      let state = ADAPTIVE_START;
      for (const window of series) {
        const next = adapt(state, window);
        if (!(next.limit >= APP_CONCURRENCY_MIN && next.limit <= APP_CONCURRENCY_MAX)) return false;
        if (next.limit < state.limit / 2) return false;
        state = next;
      }
      return true;
    }),
  );
  t.pass('in every case');
  t.end();
});
