import t from 'tap';
import {
  APP_CONCURRENCY_INITIAL,
  LOAD_INTERVAL_MS,
  LOOP_DELAY_WINDOW_MS,
  NODE_INFLIGHT_MAX,
  OVERLOAD_CALM_INTERVALS,
  SHED_APP_MIN,
  SHED_BATCH_PERCENT,
  SHED_EVENTS_PERCENT,
} from '../../src/limits.ts';
import { Urgency } from '../../src/overload/fair-share.ts';
import { Load } from '../../src/overload/load.ts';
import { processProbes } from '../../src/overload/load-probes.ts';
import { Shedding } from '../../src/overload/pressure.ts';
import { Account } from '../../src/quota/account.ts';
import { paceOf } from '../../src/quota/gcra.ts';

const policy = { units: paceOf(undefined), bytes: paceOf(undefined) };
const { EVENT, BATCH, INTERACTIVE } = Urgency;

function account(): Account {
  return new Account({ key0: 0, key1: 0, key2: 0, key3: 0, key4: 0 }, policy);
}

/** A load whose figures and time a test sets. */
class TestLoad {
  loopDelayMs = 0;
  heapPercent = 10;
  nowMs = 1_000;
  readonly load = new Load(
    { loopDelayMs: () => this.loopDelayMs, heapPercent: () => this.heapPercent, [Symbol.dispose]: () => undefined },
    this.nowMs,
  );

  intervals(count: number): void {
    for (let i = 0; i < count; i++) {
      this.nowMs += LOAD_INTERVAL_MS;
      this.load.tick(this.nowMs);
    }
  }

  /** Offers messages that are over at once; how many were admitted. */
  offer(all: Account, count: number, urgency: Urgency = INTERACTIVE): number {
    let admitted = 0;
    for (let i = 0; i < count; i++) {
      if (!this.load.admitsKind(urgency) || !this.load.admits(urgency, all, all, undefined)) continue;
      this.load.admitted(all);
      admitted++;
    }
    return admitted;
  }
}

await t.test('each level refuses its kind and those before, and counts them', (t) => {
  const test = new TestLoad();
  const { load } = test;
  const admitted = () => [load.admitsConnection(), load.admitsKind(EVENT), load.admitsKind(BATCH), load.admitsKind(INTERACTIVE)];
  t.same(admitted(), [true, true, true, true]);
  test.loopDelayMs = 150;
  for (const expected of [
    [false, true, true, true],
    [false, false, true, true],
    [false, false, false, true],
    [false, false, false, true],
  ]) {
    test.intervals(1);
    t.same(admitted(), expected, `level ${load.level}`);
  }
  t.same(load.shed, { connection: 4, event: 3, batch: 2, interactive: 0 });
  t.same(load.causes, ['event_loop']);
  test.loopDelayMs = 10;
  test.intervals(OVERLOAD_CALM_INTERVALS + 4);
  t.same(admitted(), [true, true, true, true]);
  t.same(load.causes, []);
  t.end();
});

await t.test('without memory nobody gets in', (t) => {
  const test = new TestLoad();
  test.heapPercent = 99;
  test.intervals(2);
  t.equal(test.offer(account(), 10), 0);
  t.equal(test.load.shed.interactive, 10);
  t.same(test.load.causes, ['heap']);
  t.end();
});

await t.test('a late loop serves nine tenths of the best, and an equal part to each', (t) => {
  const test = new TestLoad();
  const [loud, quiet, late] = [account(), account(), account()];
  test.offer(loud, 9_900);
  test.offer(quiet, 100);
  test.loopDelayMs = 16_000;
  test.intervals(1);
  t.equal(test.load.level, Shedding.INTERACTIVE);
  t.equal(test.offer(loud, 100_000), 9_000);
  t.equal(test.offer(quiet, 5_000), 4_500, 'an equal part of two');
  t.equal(test.offer(late, 10), 10, 'who comes last is not late');
  test.intervals(1);
  t.equal(test.offer(quiet, 100), 100);
  t.ok(test.offer(loud, 100_000) >= 9_000, 'what was best is not forgotten at once');
  test.intervals(1);
  test.loopDelayMs = 0;
  test.intervals(OVERLOAD_CALM_INTERVALS);
  t.equal(test.offer(loud, 100_000), 100_000);
  t.end();
});

await t.test('an interval that took seconds is measured by its length', (t) => {
  const test = new TestLoad();
  const one = account();
  test.offer(one, 4_000);
  test.nowMs += 16_000 - LOAD_INTERVAL_MS;
  test.loopDelayMs = 15_000;
  test.intervals(1);
  t.equal(test.offer(one, 1_000), 57, '90 % of 250 a second, for a quarter of one');
  t.end();
});

await t.test('the node has a ceiling for requests in flight', (t) => {
  const test = new TestLoad();
  const { load } = test;
  const [many, few] = [account(), account()];
  const begin = (all: Account, urgency: Urgency) => {
    if (!load.admits(urgency, all, all, undefined)) return false;
    load.node.began(++all.inflight);
    return true;
  };
  const fill = (urgency: Urgency) => {
    while (begin(many, urgency));
    return (load.node.inflight / NODE_INFLIGHT_MAX) * 100;
  };
  t.equal(Math.round(fill(EVENT)), SHED_EVENTS_PERCENT);
  t.equal(Math.round(fill(BATCH)), SHED_BATCH_PERCENT);
  t.equal(fill(INTERACTIVE), 100);
  t.ok(begin(few, INTERACTIVE), 'and an equal part for whoever has less');
  test.intervals(1);
  t.same(load.causes, ['inflight']);
  t.equal(load.level, Shedding.NOTHING, 'connections still come in');
  t.same(load.shed, { connection: 0, event: 1, batch: 1, interactive: 1 });
  t.end();
});

await t.test('a slow application is limited by itself', (t) => {
  const test = new TestLoad();
  const { load } = test;
  const slow = load.app(16, 'mailbox');
  t.equal(load.app(16, 'mailbox'), slow);
  const other = load.app(17, 'storage');
  const [all, part] = [account(), account()];
  const begin = () => {
    if (!load.admits(INTERACTIVE, all, part, slow)) return false;
    slow.share.began(++part.inflight);
    return true;
  };
  const end = (durationMs: number) => {
    slow.share.ended(--part.inflight);
    slow.observe(durationMs);
  };
  for (let i = 0; i < 100; i++) begin();
  for (let i = 0; i < 100; i++) end(1);
  test.intervals(1);
  t.equal(slow.share.limit, APP_CONCURRENCY_INITIAL);
  for (let round = 0; round < 40; round++) {
    while (begin());
    for (let i = 1; i < SHED_APP_MIN; i++) begin();
    for (let i = 0; i < 50; i++) end(100);
    test.intervals(1);
  }
  t.ok(slow.share.limit < 100, `limit ${slow.share.limit}`);
  t.same(load.causes, ['application']);
  t.ok(load.shed.interactive >= 40);
  t.ok(load.admits(INTERACTIVE, account(), account(), other), 'the other one is open');
  t.ok(load.admits(INTERACTIVE, all, part, undefined), 'and so are requests that wait for something else');
  t.equal(other.share.limit, APP_CONCURRENCY_INITIAL);
  t.equal(load.level, Shedding.NOTHING);
  t.same([...load.apps].map(({ name }) => name), ['mailbox', 'storage']);
  while (part.inflight > 0) end(1);
  test.intervals(OVERLOAD_CALM_INTERVALS + 1);
  t.same(load.causes, []);
  t.end();
});

await t.test('a few refusals do not make a node unready', (t) => {
  const test = new TestLoad();
  const app = test.load.app(16, 'mailbox');
  app.shed = SHED_APP_MIN - 1;
  test.intervals(1);
  t.same(test.load.causes, []);
  app.shed = SHED_APP_MIN;
  test.intervals(1);
  t.same(test.load.causes, ['application']);
  t.end();
});

await t.test('a few slow requests among many count little', (t) => {
  const test = new TestLoad();
  const app = test.load.app(16, 'mailbox');
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 20; i++) app.observe(1);
    if (round > 0) app.observe(30_000);
    test.intervals(1);
  }
  t.equal(app.share.limit, APP_CONCURRENCY_INITIAL);
  t.end();
});

await t.test('this process is measured', async (t) => {
  using probes = processProbes();
  const heap = probes.heapPercent();
  t.ok(heap > 0 && heap < 100, `${heap} %`);
  /** Looks at the probe in the timers phase, and stalls the loop right behind it, as reads do. */
  const look = (nowMs: number, stallMs: number) =>
    new Promise<number>((resolve) => {
      setTimeout(() => {
        const delayMs = probes.loopDelayMs(nowMs);
        setImmediate(() => {
          const end = performance.now() + stallMs;
          while (performance.now() < end);
          resolve(delayMs);
        });
      }, 30);
    });
  t.equal(await look(0, 150), 0);
  for (let i = 1; i < 5; i++) t.equal(await look(i, 150), 0, 'it has not seen enough yet');
  for (let i = 0; i < 4; i++) {
    const delayMs = await look(LOOP_DELAY_WINDOW_MS + i, 150);
    t.ok(delayMs > 100 && delayMs < 1_000, `${delayMs} ms late`);
  }
  await look(LOOP_DELAY_WINDOW_MS + 4, 0);
  await look(LOOP_DELAY_WINDOW_MS + 5, 0);
  const delayMs = await look(LOOP_DELAY_WINDOW_MS + 6, 0);
  t.ok(delayMs < 100, `then ${delayMs} ms: it was late, and is not any more`);
});
