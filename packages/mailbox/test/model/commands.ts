import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import fc from 'fast-check';
import type { Store } from '../../src/store/store.ts';
import { Bench, bytes } from '../bench.ts';
import type { Answer, OpName } from '../bench.ts';
import { faultsOf } from '../full-scan.ts';
import type { Model, ModelMessage, SendFields, State } from './model.ts';

/** A receipt that was given once, good or not. */
interface Given {
  readonly topic: string;
  readonly id: string;
  readonly receipt: Uint8Array;
}

/** Where the mailbox under test keeps its messages. */
export interface Disk {
  readonly store: Store;
  /** What a crash leaves. */
  reopen(): Store;
  /** Makes the next commit fail before it is done; false when it cannot. */
  failNext(): boolean;
}

/** The mailbox under test, how it comes back after a crash, and what a client would remember. */
export class Real {
  bench: Bench;
  readonly receipts: Given[] = [];
  readonly ids: { topic: string; id: string }[] = [];
  readonly #disk: Disk;

  constructor(disk: Disk, nowMs: number) {
    this.#disk = disk;
    this.bench = new Bench(disk.store);
    this.bench.nowMs = nowMs;
    this.bench.tick();
  }

  call(op: OpName, fields: object): Answer {
    return this.bench.call(op, fields);
  }

  /** Crashes; returns the time that the mailbox remembers. */
  crash(): number {
    this.bench.reopen(this.#disk.reopen());
    const { nowMs } = this.bench.engine;
    this.bench.tick();
    return nowMs;
  }

  failNext(): boolean {
    return this.#disk.failNext();
  }
}

type Command = fc.Command<Model, Real>;

/** A command that is always possible and ends with a comparison of everything that can be seen. */
class Step implements Command {
  readonly #name: string;
  readonly #run: (model: Model, real: Real) => void;

  constructor(name: string, run: (model: Model, real: Real) => void) {
    this.#name = name;
    this.#run = run;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    model.advanceTo(real.bench.nowMs);
    this.#run(model, real);
    compare(model, real);
  }

  toString(): string {
    return this.#name;
  }
}

/** STATS of every topic is what the model says, and what a full scan finds (rule 10). */
function compare(model: Model, real: Real): void {
  deepEqual(faultsOf(real.bench.store), []);
  for (const topic of model.topics.values()) {
    const { status, body } = real.call('STATS', { topic: topic.name });
    equal(status, 200, `there is a topic ${topic.name}`);
    const count = (state: State): number => [...topic.messages.values()].filter((m) => m.state === state).length;
    const expected = {
      ready: count('ready'),
      blocked: [...topic.messages.values()].filter((m) => m.blocked).length,
      delayed: count('delayed'),
      leased: count('leased'),
      ...topic.totals,
    };
    const found = Object.fromEntries(Object.keys(expected).map((name) => [name, (body as unknown as Record<string, unknown>)[name]]));
    deepEqual(found, expected, `counts of ${topic.name}`);
  }
}

function send(model: Model, real: Real, topic: string, fields: SendFields): void {
  const { body, key, group, priority, delayMs, ttlMs } = fields;
  const request = { topic, body: bytes(body), key, group, priority, delay_ms: delayMs, ttl_ms: ttlMs };
  const verdict = model.judgeSend(topic, fields);
  const answer = real.call('SEND', request);
  if (verdict === 'conflict') {
    equal(answer.body.reason, 'idempotency_conflict');
  } else if (verdict === 'quota') {
    equal(answer.body.reason, 'mailbox_quota');
  } else {
    equal(answer.status, 200, JSON.stringify(answer.body));
    const { id, duplicate } = answer.body;
    if (verdict === 'new') {
      equal(duplicate, false);
      for (const known of real.ids) if (known.topic === topic) ok(id > known.id, 'ids of a topic rise');
      real.ids.push({ topic, id });
      model.send(topic, id, fields);
    } else {
      deepEqual({ id, duplicate }, { id: verdict.duplicateOf, duplicate: true });
    }
  }
}

function receive(model: Model, real: Real, topic: string, max: number, visibilityMs: number | undefined, auto: boolean): void {
  const expected = model.receive(topic, max, visibilityMs, auto);
  const { body } = real.call('RECV', { topic, max, visibility_ms: visibilityMs, ack: auto ? 'auto' : 'explicit' });
  const { messages } = body;
  deepEqual(
    messages.map((m) => ({ id: m.id, body: Buffer.from(m.body).toString(), deliveries: m.deliveries, group: m.group, key: m.key })),
    expected.map((m) => ({ id: m.id, body: m.body, deliveries: m.deliveries, group: m.group, key: m.key })),
    'the messages that are delivered',
  );
  messages.forEach(({ id, receipt, dead }, index) => {
    const message = expected[index] as ModelMessage;
    if (message.dead === undefined) equal(dead, undefined);
    else deepEqual({ ...dead, at_ms: 0 }, { ...message.dead, at_ms: 0 });
    if (auto) {
      equal(receipt, undefined);
    } else {
      message.receipt = Buffer.from(receipt).toString('hex');
      real.receipts.push({ topic, id, receipt });
    }
  });
}

function settle(model: Model, real: Real, op: 'ACK' | 'NACK' | 'EXTEND', pick: number, ms: number | undefined): void {
  const given = real.receipts[pick % Math.max(real.receipts.length, 1)];
  if (given === undefined) return;
  const { topic, id, receipt } = given;
  const found = model.find(topic, id, Buffer.from(receipt).toString('hex'));
  const request = { topic, receipts: [receipt], ...(op === 'NACK' ? { delay_ms: ms } : op === 'EXTEND' ? { visibility_ms: ms ?? 1_000 } : {}) };
  const { body } = real.call(op, request);
  const [outcome] = body.outcomes;
  if (typeof found === 'string') {
    equal(outcome, found);
  } else if (op === 'ACK') {
    equal(outcome, 'ok');
    model.ack(topic, found);
  } else if (op === 'NACK') {
    equal(outcome, model.nack(topic, found, ms));
  } else {
    equal(outcome, 'ok');
    const [renewed] = body.receipts;
    if (renewed === undefined) fail('EXTEND gives a receipt');
    model.extend(found, ms ?? 1_000, Buffer.from(renewed).toString('hex'));
    real.receipts.push({ topic, id, receipt: renewed });
  }
}

function redrive(model: Model, real: Real, from: string, to: string, max: number): void {
  const { status, body } = real.call('REDRIVE', { from, to, max });
  if (!model.topics.has(from)) {
    equal(body.reason, 'topic_unknown');
    return;
  }
  const hadSome = [...(model.topics.get(from)?.messages.values() ?? [])].some((m) => m.state === 'ready' && !m.blocked);
  const moved = model.redrive(from, to, max);
  if (moved === 0 && hadSome) equal(body.reason, 'mailbox_quota');
  else deepEqual({ status, moved: body.moved }, { status: 200, moved });
}

const topics = fc.constantFrom('a', 'b');
const anyTopic = fc.constantFrom('a', 'b', 'a/dlq', 'b/dlq');
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const picks = fc.nat(1_000);

const sends = fc
  .record({
    topic: topics,
    body: fc.constantFrom('x', 'y', 'zz'),
    key: optional(fc.constantFrom('k1', 'k2')),
    group: optional(fc.constantFrom('g1', 'g2')),
    priority: optional(fc.constantFrom(0, 4, 9)),
    delayMs: optional(fc.constantFrom(0, 10, 5_000)),
    ttlMs: optional(fc.constantFrom(1, 20, 60_000)),
  })
  .map(({ topic, ...fields }) => new Step(`SEND ${topic} ${JSON.stringify(fields)}`, (model, real) => {
    send(model, real, topic, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as unknown as SendFields);
  }));

const receives = fc
  .record({ topic: anyTopic, max: fc.constantFrom(1, 2, 10), visibilityMs: optional(fc.constantFrom(1, 15, 40_000)), auto: fc.constantFrom(false, false, false, true) })
  .map(({ topic, max, visibilityMs, auto }) => new Step(`RECV ${topic} max ${max} for ${String(visibilityMs)} auto ${String(auto)}`, (model, real) => {
    receive(model, real, topic, max, visibilityMs, auto);
  }));

const settles = fc
  .tuple(fc.constantFrom('ACK', 'ACK', 'NACK', 'EXTEND'), picks, optional(fc.constantFrom(0, 10, 2_000)))
  .map(([op, pick, ms]) => new Step(`${op} receipt ${pick} ${String(ms)}`, (model, real) => {
    settle(model, real, op, pick, op === 'EXTEND' ? (ms ?? 0) + 1 : ms);
  }));

const moves = fc.constantFrom(1, 5, 11, 999, 31_000, 400_000, -3_600_000).map(
  (ms) => new Step(`${ms < 0 ? 'clock back' : 'advance'} ${ms}`, (model, real) => {
    real.bench.tick(ms);
    model.advanceTo(real.bench.nowMs);
  }),
);

const crashes = fc.constant(new Step('crash and reopen', (model, real) => {
  // Time in which nothing was written is forgotten, when the clock went back meanwhile.
  model.nowMs = real.crash();
  model.advanceTo(real.bench.nowMs);
}));

const failures = topics.map((topic) => new Step(`a SEND to ${topic} whose commit fails`, (model, real) => {
  if (!real.failNext()) return;
  let refused = false;
  try {
    real.call('SEND', { topic, body: bytes('never') });
  } catch {
    refused = true;
  }
  ok(refused, 'the commit failed');
  model.nowMs = real.crash();
  model.advanceTo(real.bench.nowMs);
}));

const deletes = picks.map((pick) => new Step(`DELETE ${pick}`, (model, real) => {
  const known = real.ids[pick % Math.max(real.ids.length, 1)];
  if (known === undefined) return;
  equal(real.call('DELETE', known).body.outcome, model.delete(known.topic, known.id));
}));

const purges = fc.tuple(anyTopic, fc.constantFrom('ready', 'delayed', 'leased', 'all')).map(
  ([topic, state]) => new Step(`PURGE ${topic} ${state}`, (model, real) => {
    const { body } = real.call('PURGE', { topic, state });
    if (model.topics.has(topic)) deepEqual(body, { purged: model.purge(topic, state as State), more: false });
    else equal(body.reason, 'topic_unknown');
  }),
);

const redrives = fc.tuple(anyTopic, anyTopic, fc.constantFrom(1, 100)).filter(([from, to]) => from !== to).map(
  ([from, to, max]) => new Step(`REDRIVE ${from} to ${to} max ${max}`, (model, real) => {
    redrive(model, real, from, to, max);
  }),
);

const configures = fc
  .record({
    topic: topics,
    visibilityMs: fc.constantFrom(10, 30_000),
    maxDeliveries: fc.constantFrom(0, 1, 2),
    dlq: fc.constantFrom(null, 'a/dlq', 'b/dlq'),
    dedupWindowMs: fc.constantFrom(0, 50, 300_000),
    retentionMs: fc.constantFrom(0, 0, 30),
    quotaMessages: fc.constantFrom(0, 0, 3),
  })
  .map(({ topic, ...s }) => new Step(`CONFIGURE ${topic} ${JSON.stringify(s)}`, (model, real) => {
    const fields = {
      topic, visibility_ms: s.visibilityMs, max_deliveries: s.maxDeliveries, dlq: s.dlq, dedup_window_ms: s.dedupWindowMs, retention_ms: s.retentionMs, quota_messages: s.quotaMessages,
    };
    equal(real.call('CONFIGURE', fields).status, 200);
    Object.assign(model.topic(topic), s);
  }));

const peeks = fc.tuple(anyTopic, fc.constantFrom('ready', 'blocked', 'delayed', 'leased')).map(
  ([topic, state]) => new Step(`PEEK ${topic} ${state}`, (model, real) => {
    const known = model.topics.get(topic);
    const { body } = real.call('PEEK', { topic, state, limit: 256 });
    if (known === undefined) {
      equal(body.reason, 'topic_unknown');
      return;
    }
    const wanted = [...known.messages.values()].filter((m) => (state === 'blocked' ? m.blocked : m.state === state && !m.blocked));
    const facts = (m: { id: string; deliveries: number }): string => `${m.id} ${m.deliveries}`;
    deepEqual(body.messages.map(facts).sort(), wanted.map(facts).sort());
  }),
);

/** All commands; what clients do all day comes more often. */
export const commands: fc.Arbitrary<Command>[] = [
  sends, sends, sends, receives, receives, receives, settles, settles, settles, moves, moves,
  crashes, failures, deletes, purges, redrives, configures, peeks,
];
