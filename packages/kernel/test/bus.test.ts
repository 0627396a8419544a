import t from 'tap';
import { LocalBus } from '../src/bus.ts';
import type { Subscription } from '../src/bus.ts';
import { BUS_EVENTS_PER_TURN_MAX, BUS_QUEUE_BYTES_MAX, BUS_QUEUE_EVENTS_MAX, BUS_SUBSCRIBERS_MAX, BUS_TOPICS_MAX, STREAM_BYTES_MAX } from '../src/limits.ts';
import { Metrics } from '../src/metrics.ts';
import type { Service } from '../src/service.ts';
import { turn } from './fixtures/until.ts';

interface Scene {
  readonly bus: LocalBus;
  readonly metrics: Metrics;
  readonly errors: string[];
}

function setUp(): Scene {
  const metrics = new Metrics();
  const errors: string[] = [];
  const bus = new LocalBus(metrics, (topic, error) => errors.push(`${topic}: ${(error as Error).message}`));
  return { bus, metrics, errors };
}

/** An event that is its number. */
function event(n: number): Uint8Array {
  return Uint8Array.of(n >>> 16, n >>> 8, n);
}

function numberOf(payload: Uint8Array): number {
  return Buffer.from(payload).readUIntBE(0, 3);
}

void t.test('events reach all subscribers of their topic, in order, a turn later', async (t) => {
  const { bus, metrics } = setUp();
  const heard: string[] = [];
  bus.subscribe('a', (payload, topic) => heard.push(`1 ${topic} ${numberOf(payload)}`));
  bus.subscribe('a', (payload, topic) => heard.push(`2 ${topic} ${numberOf(payload)}`));
  bus.subscribe('b', (payload, topic) => heard.push(`3 ${topic} ${numberOf(payload)}`));
  bus.publish('a', event(1));
  bus.publish('b', event(2));
  bus.publish('nobody', event(3));
  bus.publish('a', event(4));
  t.strictSame(heard, []);
  await turn(2);
  t.strictSame([...heard].sort(), ['1 a 1', '1 a 4', '2 a 1', '2 a 4', '3 b 2']);
  t.equal(metrics.busDropped, 0);
});

void t.test('the publisher keeps its buffer', async (t) => {
  const { bus } = setUp();
  const heard: number[] = [];
  bus.subscribe('a', (payload) => heard.push(...payload));
  for (const mine of [Buffer.from([1, 2]), Uint8Array.of(3, 4), Buffer.from([0, 5, 6, 0]).subarray(1, 3)]) {
    bus.publish('a', mine);
    mine.fill(99);
  }
  await turn(2);
  t.strictSame(heard, [1, 2, 3, 4, 5, 6]);
});

void t.test('who lags loses the oldest events, and they are counted', async (t) => {
  const { bus, metrics } = setUp();
  const heard: number[] = [];
  const others: number[] = [];
  bus.subscribe('a', (payload) => heard.push(numberOf(payload)));
  for (let n = 0; n < BUS_QUEUE_EVENTS_MAX + 500; n++) bus.publish('a', event(n));
  bus.subscribe('a', (payload) => others.push(numberOf(payload)));
  bus.publish('a', event(9_999));
  t.equal(metrics.busDropped, 501);
  await turn(20);
  t.equal(heard.length, BUS_QUEUE_EVENTS_MAX);
  t.strictSame([heard[0], heard.at(-1)], [501, 9_999]);
  t.strictSame(heard, heard.toSorted((a, b) => a - b), 'in order');
  t.strictSame(others, [9_999], 'a newcomer hears what comes after it');
});

void t.test('bytes are bounded as well', async (t) => {
  const { bus, metrics } = setUp();
  const heard: number[] = [];
  bus.subscribe('a', (payload) => heard.push(payload[0] ?? -1));
  const large = BUS_QUEUE_BYTES_MAX / 4;
  for (let n = 0; n < 10; n++) bus.publish('a', new Uint8Array(large).fill(n));
  t.equal(metrics.busDropped, 6);
  await turn(3);
  t.strictSame(heard, [6, 7, 8, 9]);
  bus.publish('a', new Uint8Array(2 * BUS_QUEUE_BYTES_MAX).fill(1));
  await turn(2);
  t.equal(heard.at(-1), 1, 'one that is larger than all of it passes alone');
  for (let n = 0; n < 4; n++) bus.publish('a', new Uint8Array(large).fill(n));
  await turn(2);
  t.strictSame(heard.slice(-4), [0, 1, 2, 3], 'what was delivered counts no longer');
});

void t.test('a subscriber that throws harms nobody', async (t) => {
  const { bus, errors } = setUp();
  const heard: number[] = [];
  bus.subscribe('a', (payload) => {
    if (numberOf(payload) % 2 === 0) throw new Error(`no ${numberOf(payload)}`);
    heard.push(numberOf(payload));
  });
  bus.subscribe('a', (payload) => heard.push(-numberOf(payload)));
  for (let n = 1; n <= 4; n++) bus.publish('a', event(n));
  await turn(2);
  t.strictSame(heard.toSorted((a, b) => a - b), [-4, -3, -2, -1, 1, 3]);
  t.strictSame(errors, ['a: no 2', 'a: no 4']);
});

void t.test('a subscriber may leave, come and publish while it is told', async (t) => {
  const { bus } = setUp();
  const heard: string[] = [];
  const second: Subscription = bus.subscribe('a', (payload) => heard.push(`second ${numberOf(payload)}`));
  const first: Subscription = bus.subscribe('a', (payload) => {
    heard.push(`first ${numberOf(payload)}`);
    first.unsubscribe();
    second.unsubscribe();
    bus.subscribe('a', (later) => heard.push(`third ${numberOf(later)}`));
    bus.publish('a', event(3));
  });
  second.unsubscribe();
  for (const n of [1, 2]) bus.publish('a', event(n));
  await turn(4);
  t.strictSame(heard, ['first 1', 'third 3'], 'nothing is told after leaving');
  first.unsubscribe();
  bus.publish('a', event(4));
  await turn(2);
  t.equal(heard.at(-1), 'third 4', 'leaving twice takes nobody else along');
});

void t.test('one that publishes to itself leaves the others their turn', async (t) => {
  const { bus } = setUp();
  let echoes = 0;
  const echo = bus.subscribe('a', () => {
    echoes++;
    bus.publish('a', event(1));
  });
  bus.publish('a', event(1));
  await turn(10);
  echo.unsubscribe();
  t.ok(echoes > 0 && echoes <= 11, `${echoes} events in 10 turns`);

  const counts: number[] = [];
  let heard = 0;
  bus.subscribe('b', () => heard++);
  for (let n = 0; n < BUS_QUEUE_EVENTS_MAX; n++) bus.publish('b', event(n));
  while (heard < BUS_QUEUE_EVENTS_MAX) {
    await turn();
    counts.push(heard);
  }
  t.ok(counts.length >= BUS_QUEUE_EVENTS_MAX / BUS_EVENTS_PER_TURN_MAX, `${counts.length} turns for a full queue`);
});

void t.test('topics and subscribers are bounded, and places are given back', (t) => {
  const { bus } = setUp();
  const topics = Array.from({ length: BUS_TOPICS_MAX }, (_, n) => bus.subscribe(`t${n}`, () => undefined));
  t.throws(() => bus.subscribe('one more', () => undefined), RangeError);
  topics[7]?.unsubscribe();
  topics[7]?.unsubscribe();
  bus.subscribe('one more', () => undefined);
  t.throws(() => bus.subscribe('and one more', () => undefined), RangeError);

  const many = Array.from({ length: BUS_SUBSCRIBERS_MAX - 1 }, () => bus.subscribe('one more', () => undefined));
  t.throws(() => bus.subscribe('one more', () => undefined), RangeError);
  for (const subscription of many) subscription.unsubscribe();
  bus.subscribe('one more', () => undefined);
  t.end();
});

void t.test('routes', (t) => {
  const { bus } = setUp();
  const calls: unknown[][] = [];
  const service: Service = {
    appProtoId: 40_000,
    name: 'app',
    access: 'open',
    onRequest: (...told) => {
      calls.push(told);
      return undefined;
    },
  };
  const route = bus.attach(service);
  t.match(route, { appProtoId: 40_000, name: 'app', access: 'open', borrowsPayload: false, requestBytesMax: STREAM_BYTES_MAX, available: false, requests: 0, facts: { verbs: {}, waiting: [], checksTopics: false } });
  const other = bus.attach({ ...service, appProtoId: 65_535, borrowsPayload: true, requestBytesMax: 5, verbs: { 3: 'take' }, waiting: [3], checksTopics: true });
  t.match(other, { borrowsPayload: true, requestBytesMax: 5, facts: { verbs: { 3: 'take' }, waiting: [3], checksTopics: true } });
  t.equal(bus.route(40_000), route);
  t.equal(bus.route(1), undefined);
  t.strictSame([...bus.routes], [route, other]);
  const [request, reply] = [{}, {}] as Parameters<Service['onRequest']>;
  bus.request(route, request, reply);
  t.strictSame([calls.length, calls[0]?.[0] === request, calls[0]?.[1] === reply, route.requests], [1, true, true, 1]);
  t.throws(() => bus.attach({ ...service, name: 'thief' }), /thief: app_proto_id 40000 is taken by service app/);
  t.end();
});
