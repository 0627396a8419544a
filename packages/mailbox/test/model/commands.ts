import { deepEqual, equal, fail, ok } from 'node:assert/strict';
import fc from 'fast-check';
import { bytes } from '../bench.ts';
import { anyTopic, optional, picks } from './arbitraries.ts';
import type { Model, SendFields, State } from './model.ts';
import { Step } from './real.ts';
import type { Command, Real } from './real.ts';
import { cancels, drains, givesBack, receives, subscribes, waits } from './receiving.ts';

function send(model: Model, real: Real, topic: string, fields: SendFields): void {
  const verdict = model.judgeSend(topic, fields);
  const { status, body } = real.call('SEND', { topic, ...requestOf(fields) });
  if (verdict === 'conflict') {
    equal(body.reason, 'idempotency_conflict');
  } else if (verdict === 'quota') {
    equal(body.reason, 'mailbox_quota');
  } else {
    equal(status, 200, JSON.stringify(body));
    equal(body.duplicate, verdict !== 'new');
    taken(model, real, topic, fields, verdict, body.id);
  }
}

function sendMany(model: Model, real: Real, topic: string, messages: readonly SendFields[]): void {
  const { body } = real.call('SEND', { topic, messages: messages.map(requestOf) });
  const duplicates: number[] = [];
  const refused: number[] = [];
  messages.forEach((fields, at) => {
    const verdict = model.judgeSend(topic, fields);
    if (typeof verdict === 'object') duplicates.push(at);
    if (verdict === 'conflict' || verdict === 'quota') {
      refused.push(at);
      equal(body.ids[at], null);
    } else {
      taken(model, real, topic, fields, verdict, body.ids[at] ?? '');
    }
  });
  deepEqual(body.duplicates ?? [], duplicates);
  deepEqual((body.errors ?? []).map(({ at }) => at), refused);
}

function requestOf({ body, key, group, priority, delayMs, ttlMs }: SendFields): object {
  return { body: bytes(body), key, group, priority, delay_ms: delayMs, ttl_ms: ttlMs };
}

function taken(model: Model, real: Real, topic: string, fields: SendFields, verdict: 'new' | { duplicateOf: string }, id: string): void {
  if (verdict !== 'new') {
    equal(id, verdict.duplicateOf);
    return;
  }
  for (const known of real.ids) if (known.topic === topic) ok(id > known.id, 'ids of a topic rise');
  real.ids.push({ topic, id });
  model.send(topic, id, fields);
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

function crash(model: Model, real: Real): void {
  // Time in which nothing was written is forgotten, when the clock went back meanwhile.
  model.nowMs = real.crash();
  model.crash();
  model.advanceTo(real.bench.nowMs);
}

const topics = fc.constantFrom('a', 'b');

const messages = fc
  .record({
    body: fc.constantFrom('x', 'y', 'zz'),
    key: optional(fc.constantFrom('k1', 'k2')),
    group: optional(fc.constantFrom('g1', 'g2')),
    priority: optional(fc.constantFrom(0, 4, 9)),
    delayMs: optional(fc.constantFrom(0, 10, 5_000)),
    ttlMs: optional(fc.constantFrom(1, 20, 60_000)),
  })
  .map((fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as unknown as SendFields);

const sends = fc.tuple(topics, messages).map(([topic, fields]) => new Step(`SEND ${topic} ${JSON.stringify(fields)}`, (model, real) => {
  send(model, real, topic, fields);
}));

const batches = fc.tuple(topics, fc.array(messages, { minLength: 1, maxLength: 4 })).map(
  ([topic, list]) => new Step(`SEND ${topic} at once ${JSON.stringify(list)}`, (model, real) => {
    sendMany(model, real, topic, list);
  }),
);

const settles = fc
  .tuple(fc.constantFrom('ACK', 'ACK', 'NACK', 'EXTEND'), picks, optional(fc.constantFrom(0, 10, 2_000)))
  .map(([op, pick, ms]) => new Step(`${op} receipt ${pick} ${String(ms)}`, (model, real) => {
    settle(model, real, op, pick, op === 'EXTEND' ? (ms ?? 0) + 1 : ms);
  }));

const moves = fc.constantFrom(1, 5, 11, 999, 31_000, 400_000, -3_600_000).map(
  (ms) => new Step(`${ms < 0 ? 'clock back' : 'advance'} ${ms}`, (model, real) => {
    real.arrive(real.bench.tick(ms));
    model.advanceTo(real.bench.nowMs);
  }),
);

const crashes = fc.constant(new Step('crash and reopen', (model, real) => {
  crash(model, real);
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
  crash(model, real);
}));

const deletes = picks.map((pick) => new Step(`DELETE ${pick}`, (model, real) => {
  const known = real.ids[pick % Math.max(real.ids.length, 1)];
  if (known === undefined) return;
  equal(real.call('DELETE', known).body.outcome, model.delete(known.topic, known.id));
}));

const purges = fc.tuple(anyTopic, fc.constantFrom('ready', 'delayed', 'leased', 'all')).map(
  ([topic, state]) => new Step(`PURGE ${topic} ${state}`, (model, real) => {
    const { body } = real.call('PURGE', { topic, state });
    if (model.topics.has(topic)) deepEqual(body, model.purge(topic, state as State));
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
  sends, sends, batches, batches, receives, receives, settles, settles, settles, settles, moves, moves,
  subscribes, subscribes, drains, drains, drains, waits, cancels, givesBack,
  crashes, failures, deletes, purges, redrives, configures, peeks,
];
