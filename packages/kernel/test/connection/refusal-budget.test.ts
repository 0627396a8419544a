import t from 'tap';
import { RefusalBudget } from '../../src/connection/refusal-budget.ts';
import type { Resting } from '../../src/connection/refusal-budget.ts';
import { IDLE_TIMEOUT_MS, REFUSAL_ROUND_MOMENTS, REFUSALS_PER_MOMENT_MAX } from '../../src/limits.ts';
import { Metrics } from '../../src/metrics.ts';
import { defineReject } from '../../src/wire/reject.ts';
import { bodyOf, ping, request, start, textOf } from '../fixtures/frames.ts';
import { Gate } from '../fixtures/gate.ts';
import { assertServed, TestClock, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { pause, until } from '../fixtures/until.ts';

const BUSY = defineReject('overload', 503, true, 'K', 'Wait.');

/** A budget, and a clock that goes on by one moment with each look of the budget at it. */
class Desk implements Disposable {
  nowMs = 1_000;
  readonly metrics = new Metrics();
  readonly budget = new RefusalBudget({ now: () => ++this.nowMs }, this.metrics);
  readonly order: string[] = [];
  readonly #made: Resting[] = [];

  spendAll(): void {
    while (this.budget.spend(this.nowMs));
  }

  /** A connection that wants to be refused so often each time it is woken. */
  connection(name: string, wanted: number): Resting {
    const resting: Resting = {
      wake: () => {
        let refused = 0;
        let over = false;
        while (refused < wanted && !over) {
          refused++;
          over = !this.budget.spend(this.nowMs);
        }
        this.order.push(`${name} ${refused}`);
        if (over) this.budget.rest(resting);
      },
    };
    this.budget.rest(resting);
    this.#made.push(resting);
    return resting;
  }

  [Symbol.dispose](): void {
    for (const resting of this.#made) this.budget.forget(resting);
  }
}

void t.test('so many refusals in a moment', (t) => {
  using desk = new Desk();
  const { budget } = desk;
  const madeAt = (nowMs: number): number => {
    let made = 0;
    while (budget.spend(nowMs)) made++;
    return made;
  };
  t.equal(madeAt(0), REFUSALS_PER_MOMENT_MAX);
  // Each look above made one too many, which is taken from the next moment.
  t.equal(madeAt(0.5), 0, 'the same moment');
  t.equal(madeAt(1), REFUSALS_PER_MOMENT_MAX - 2);
  t.equal(madeAt(1e9), REFUSALS_PER_MOMENT_MAX, 'nothing is saved');
  t.end();
});

void t.test('those at rest take turns, in the order in which they came', async (t) => {
  using desk = new Desk();
  desk.spendAll();
  for (const name of ['a', 'b', 'c']) desk.connection(name, Infinity);
  const quiet = desk.connection('d', 0);
  t.equal(desk.metrics.connectionsResting, 4);
  await until('seven turns', () => desk.order.length >= 7);
  const names = desk.order.map((turn) => turn.slice(0, 1)).join('');
  t.match(names, /^abcdabc/, 'and who has nothing to be refused does not come back');
  t.ok(desk.order.every((turn) => Number(turn.slice(2)) <= REFUSALS_PER_MOMENT_MAX + 1), desk.order.join(', '));
  desk.budget.forget(quiet);
  t.equal(desk.metrics.connectionsResting, 3);
});

void t.test('a thousand come round as fast as a hundred', async (t) => {
  using desk = new Desk();
  desk.spendAll();
  const startMs = desk.nowMs;
  for (let n = 0; n < 1_000; n++) desk.connection(String(n), Infinity);
  await until('all turns', () => desk.order.length >= 1_000);
  t.equal(new Set(desk.order.slice(0, 1_000).map((turn) => turn.split(' ')[0])).size, 1_000, 'each had one');
  const moments = desk.nowMs - startMs;
  // Each goes over its part by one refusal, which is half of what it has.
  t.ok(moments <= 2 * REFUSAL_ROUND_MOMENTS, `${moments} moments`);
});

void t.test('one that is forgotten is never woken', async (t) => {
  using desk = new Desk();
  desk.spendAll();
  const gone = desk.connection('gone', 1);
  desk.connection('last', 0);
  desk.budget.forget(gone);
  desk.budget.forget(gone);
  await until('the last one', () => desk.order.length > 0);
  t.strictSame(desk.order, ['last 0']);
  t.equal(desk.metrics.connectionsResting, 0);
});

void t.test('over sockets', async (t) => {
  const gate = new Gate();
  const held = new HeldService();
  // A clock that stands still saves nothing: a connection at rest is refused once each time it is woken.
  const clock = new TestClock();
  await using node = await TestNode.start({ services: [held], admission: gate, clock });
  const flood = (from: number, requests: number): Uint8Array[] =>
    Array.from({ length: requests }, (_, n) => request(from + n, 'x'));
  const atRest = async (connections: number): Promise<void> => {
    await until(`${connections} at rest`, () => node.metrics.connectionsResting === connections);
  };

  await t.test('what is too much waits, and everything is answered', async (t) => {
    await using bystander = await Peer.open(node.address);
    await using peer = await Peer.open(node.address);
    gate.onMessage = { reject: BUSY };
    peer.send(...flood(1, 600), ping(9_999));
    await peer.take(REFUSALS_PER_MOMENT_MAX + 1);
    t.ok(peer.inbox.length < 500, `${peer.inbox.length} refused at once`);
    await atRest(1);
    gate.onMessage = undefined;
    await assertServed(bystander);
    await peer.take(9_999);
    const answers = peer.inbox.filter(({ code }) => code === 503);
    t.ok(answers.length >= REFUSALS_PER_MOMENT_MAX, 'refused while it was refused');
    t.equal(peer.inbox.length, 600 - 1, 'all are answered');
    const told = new Set(answers.map((answer) => Number(bodyOf(answer).retry_after_ms)));
    t.ok([...told].every((ms) => ms >= 1_000 && ms <= 5_000) && told.size > 10, `${told.size} different times to come back`);
    t.equal(node.metrics.connectionsResting, 0);
  });

  await t.test('what is in flight goes on', async (t) => {
    await using peer = await Peer.open(node.address);
    peer.send(request(1, 'held', { app: HELD }));
    const call = await held.call();
    gate.onMessage = { reject: BUSY };
    peer.send(...flood(2, 600), request(700, 'cut').subarray(0, 20));
    await atRest(1);
    call.reply.end(200, Buffer.from('done'));
    t.equal(textOf(await peer.take(1)), 'done');
    await clock.pass(2 * IDLE_TIMEOUT_MS);
    t.equal(peer.end, undefined);
    gate.onMessage = undefined;
    await until('all answers', () => peer.inbox.length === 600);
  });

  await t.test('the end of a connection at rest leaves nothing', async (t) => {
    await using bystander = await Peer.open(node.address);
    gate.onMessage = { reject: BUSY };
    const peers = await Promise.all(Array.from({ length: 3 }, () => Peer.open(node.address)));
    for (const peer of peers) peer.send(...flood(1, 600));
    await until('some at rest', () => node.metrics.connectionsResting > 1);
    const [halfClosed, reset, closed] = peers as [Peer, Peer, Peer];
    halfClosed.socket.end();
    reset.reset();
    await closed[Symbol.asyncDispose]();
    await until('the end', () => node.metrics.connections === 1, 30_000);
    t.equal(halfClosed.inbox.length, 600, 'a half-closed one is answered first');
    t.equal(await halfClosed.ended(), 'fin');
    t.equal(node.metrics.connectionsResting, 0);
    gate.onMessage = undefined;
    await assertServed(bystander);
  });

  await t.test('and so does the end of the server', async (t) => {
    gate.onMessage = { reject: BUSY };
    await using peer = await Peer.open(node.address);
    peer.send(...flood(1, 2_000));
    await atRest(1);
    await node.server[Symbol.asyncDispose]();
    t.equal(node.metrics.connectionsResting, 0);
    await pause(5);
    t.equal(node.metrics.connectionsResting, 0);
  });
});

void t.test('refusals take no more time than they are given', async (t) => {
  const gate = new Gate();
  await using node = await TestNode.start({ admission: gate });
  await using peer = await Peer.open(node.address);
  gate.onMessage = { reject: BUSY };
  const startMs = performance.now();
  peer.send(...Array.from({ length: 8_000 }, (_, n) => start(n + 1, 'x')));
  await until('all answers', () => peer.inbox.length === 8_000);
  const atLeastMs = 8_000 / REFUSALS_PER_MOMENT_MAX;
  t.ok(performance.now() - startMs >= atLeastMs * 0.9, `${performance.now() - startMs} ms of ${atLeastMs}`);
});
