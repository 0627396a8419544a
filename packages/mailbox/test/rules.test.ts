import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import t from 'tap';
import { Table } from '../src/broker/topic.ts';
import { Bench, bytes, FaultStore, TENANT_A, TENANT_B } from './bench.ts';
import type { Answer, Message } from './bench.ts';
import { faultsOf } from './full-scan.ts';
import { TemporaryStore } from './temporary-store.ts';

/** The promises of specs/mailbox-1.md §2, one test each. */

const messagesOf = ({ body }: Answer): readonly Message[] => body.messages;
const idOf = ({ body }: Answer): string => body.id;
const outcomesOf = ({ body }: Answer): readonly string[] => body.outcomes;
const one = (bench: Bench, topic: string, fields: object = {}): Message => {
  const [message] = messagesOf(bench.call('RECV', { topic, ...fields }));
  if (message === undefined) throw new Error(`nothing to receive on ${topic}`);
  return message;
};
const crash = (bench: Bench<FaultStore>): void => {
  bench.reopen(bench.store.reopened());
};

await t.test('rule 1: what was sent is there after a crash, in every state', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('CONFIGURE', { topic: 'a', max_deliveries: 1 });
  const ready = idOf(bench.call('SEND', { topic: 'a', body: bytes('ready'), priority: 0 }));
  const delayed = idOf(bench.call('SEND', { topic: 'a', body: bytes('delayed'), delay_ms: 1_000_000 }));
  const dead = idOf(bench.call('SEND', { topic: 'a', body: bytes('dead'), priority: 9 }));
  t.same(outcomesOf(bench.call('NACK', { topic: 'a', receipts: [one(bench, 'a').receipt] })), ['dead']);
  const leased = idOf(bench.call('SEND', { topic: 'a', body: bytes('leased'), priority: 9 }));
  t.equal(one(bench, 'a').id, leased);
  crash(bench);
  for (const [state, id] of Object.entries({ ready, delayed, leased })) {
    t.same(messagesOf(bench.call('PEEK', { topic: 'a', state })).map((m) => m.id), [id], state);
  }
  t.same(messagesOf(bench.call('PEEK', { topic: 'a/dlq' })).map((m) => m.id), [dead]);
  t.end();
});

await t.test('rule 1: nothing is answered before it is durable', (t) => {
  const bench = new Bench(new FaultStore());
  bench.store.failNextCommit = 'before';
  t.throws(() => bench.call('SEND', { topic: 'a', body: bytes('x') }), /injected/, 'no answer comes out of a step that failed');
  crash(bench);
  t.equal(bench.call('STATS', { topic: 'a' }).body.reason, 'topic_unknown');
  t.end();
});

await t.test('rule 1: a step on disk is written and then flushed, once, before it is answered', (t) => {
  using temporary = new TemporaryStore();
  const bench = new Bench(temporary.store);
  bench.call('CONFIGURE', { topic: 'a' });
  const { writeSync, fdatasyncSync } = fs;
  const done: string[] = [];
  const watch = (name: 'writeSync' | 'fdatasyncSync', real: (...args: never[]) => unknown): void => {
    Reflect.set(fs, name, (...args: never[]) => {
      done.push(name);
      return real(...args);
    });
  };
  watch('writeSync', writeSync);
  watch('fdatasyncSync', fdatasyncSync);
  syncBuiltinESMExports();
  try {
    bench.call('SEND', { topic: 'a', body: bytes('x') });
    bench.call('ACK', { topic: 'a', receipts: [one(bench, 'a').receipt] });
    bench.call('PEEK', { topic: 'a' });
  } finally {
    Object.assign(fs, { writeSync, fdatasyncSync });
    syncBuiltinESMExports();
  }
  const flushed = ['writeSync', 'fdatasyncSync'];
  t.same(done, [...flushed, ...flushed, ...flushed], 'SEND, RECV and ACK; a look writes nothing');
  t.end();
});

await t.test('rule 2: after a failed commit, sending again with the key gives one message', (t) => {
  for (const fault of ['before', 'after'] as const) {
    const bench = new Bench(new FaultStore());
    bench.store.failNextCommit = fault;
    t.throws(() => bench.call('SEND', { topic: 'a', body: bytes('x'), key: 'k' }), /injected/);
    crash(bench);
    t.equal(bench.call('SEND', { topic: 'a', body: bytes('x'), key: 'k' }).body.duplicate, fault === 'after');
    t.equal(messagesOf(bench.call('RECV', { topic: 'a', max: 10 })).length, 1, fault);
  }
  const bench = new Bench(new FaultStore());
  bench.call('CONFIGURE', { topic: 'a', quota_messages: 1 });
  bench.call('SEND', { topic: 'a', body: bytes('x') });
  t.equal(bench.call('SEND', { topic: 'a', body: bytes('refused') }).status, 429);
  t.same(messagesOf(bench.call('RECV', { topic: 'a', max: 10 })).map((m) => Buffer.from(m.body).toString()), ['x']);
  t.end();
});

await t.test('rule 3: after an ACK nothing is delivered, whatever happens', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('SEND', { topic: 'a', body: bytes('x'), ttl_ms: 50_000 });
  const { receipt } = one(bench, 'a', { visibility_ms: 10 });
  bench.tick(11);
  t.same(outcomesOf(bench.call('ACK', { topic: 'a', receipts: [receipt, receipt] })), ['ok', 'gone'], 'also late, when nobody had it since');
  crash(bench);
  bench.tick(100_000);
  t.same(messagesOf(bench.call('RECV', { topic: 'a' })), []);
  t.end();
});

await t.test('rule 4: a superseded receipt changes nothing', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('SEND', { topic: 'a', body: bytes('x') });
  const first = one(bench, 'a', { visibility_ms: 10 });
  t.same(messagesOf(bench.call('RECV', { topic: 'a' })), [], 'one lease at a time');
  bench.tick(10);
  const second = one(bench, 'a');
  t.equal(second.deliveries, 2);
  for (const op of ['ACK', 'NACK', 'EXTEND'] as const) {
    t.same(outcomesOf(bench.call(op, { topic: 'a', receipts: [first.receipt], visibility_ms: 1 })), ['stale'], op);
  }
  const renewed = bench.call('EXTEND', { topic: 'a', receipts: [second.receipt], visibility_ms: 60_000 }).body.receipts[0];
  bench.tick(59_999);
  t.same(messagesOf(bench.call('RECV', { topic: 'a' })), [], 'it was extended');
  t.same(outcomesOf(bench.call('ACK', { topic: 'a', receipts: [second.receipt] })), ['stale'], 'EXTEND replaces the receipt');
  t.same(outcomesOf(bench.call('NACK', { topic: 'a', receipts: [renewed], delay_ms: 0 })), ['ok']);
  t.same(outcomesOf(bench.call('ACK', { topic: 'a', receipts: [renewed] })), ['stale'], 'what was given back');
  t.equal(one(bench, 'a').deliveries, 3);
  t.end();
});

await t.test('rule 5: the count of deliveries is durable with the delivery', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('SEND', { topic: 'a', body: bytes('x') });
  bench.store.failNextCommit = 'before';
  t.throws(() => bench.call('RECV', { topic: 'a' }), /injected/, 'no bytes leave without it');
  crash(bench);
  t.equal(one(bench, 'a', { visibility_ms: 5 }).deliveries, 1);
  crash(bench);
  bench.tick(5);
  t.equal(one(bench, 'a').deliveries, 2);
  t.end();
});

await t.test('rule 5: a dead letter moves as a whole, and keeps source, reason and count', (t) => {
  for (const fault of [undefined, 'before', 'after'] as const) {
    const bench = new Bench(new FaultStore());
    bench.call('CONFIGURE', { topic: 'a', max_deliveries: 2, dlq: 'dead' });
    const id = idOf(bench.call('SEND', { topic: 'a', body: bytes('x'), headers: { h: '1' }, key: 'k', group: 'g' }));
    bench.call('NACK', { topic: 'a', receipts: [one(bench, 'a').receipt], delay_ms: 0 });
    one(bench, 'a', { visibility_ms: 10 });
    bench.store.failNextCommit = fault;
    if (fault !== undefined) t.throws(() => bench.tick(10), /injected/);
    if (fault !== undefined) crash(bench);
    bench.tick(fault === undefined ? 10 : 0);
    t.same(faultsOf(bench.store), [], `counters after a fault ${String(fault)}`);
    t.match(bench.call('STATS', { topic: 'a' }).body, { ready: 0, leased: 0, dead_lettered: 1 });
    const message = one(bench, 'dead');
    t.match(message, { id, headers: { h: '1' }, key: 'k', group: 'g', deliveries: 1 });
    t.same(message.dead, { topic: 'a', reason: 'expired', deliveries: 2, at_ms: bench.nowMs });
  }
  t.end();
});

await t.test('rule 6: a key gives one id within its window, also after the ACK and after a crash', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('CONFIGURE', { topic: 'a', dedup_window_ms: 1_000 });
  const send = (body: string): Answer => bench.call('SEND', { topic: 'a', body: bytes(body), key: 'k' });
  const id = idOf(send('x'));
  bench.call('ACK', { topic: 'a', receipts: [one(bench, 'a').receipt] });
  crash(bench);
  bench.tick(999);
  t.match(send('x').body, { id, duplicate: true });
  t.match(send('y'), { status: 409, body: { reason: 'idempotency_conflict' } });
  t.equal(bench.call('SEND', { topic: 'b', body: bytes('y'), key: 'k' }).body.duplicate, false, 'another topic');
  t.equal(bench.call('SEND', { topic: 'a', body: bytes('y'), key: 'k' }, { tenant: TENANT_B }).body.duplicate, false, 'another tenant');
  bench.tick(1);
  const later = send('y');
  t.equal(later.body.duplicate, false, 'the window is over');
  t.ok(idOf(later) > id);
  t.equal(bench.store.range(Table.DEDUP, `${Table.DEDUP}\u00ff`, 10).length, 3, 'a key that is over leaves nothing');
  t.end();
});

await t.test('rule 7: a group is delivered in order, one at a time', (t) => {
  const bench = new Bench(new FaultStore());
  for (const body of ['1', '2', '3']) bench.call('SEND', { topic: 'a', body: bytes(body), group: 'g', priority: 9 - Number(body) * 3 });
  bench.call('SEND', { topic: 'a', body: bytes('other'), group: 'h' });
  const texts = (answer: Answer): string[] => messagesOf(answer).map(({ body }) => Buffer.from(body).toString());
  const first = bench.call('RECV', { topic: 'a', max: 10, visibility_ms: 10 });
  t.same(texts(first), ['1', 'other'], 'a later one waits, another group does not');
  bench.tick(10);
  const again = bench.call('RECV', { topic: 'a', max: 10 });
  t.same(texts(again), ['1', 'other'], 'and it waits when the first one comes back');
  crash(bench);
  bench.call('NACK', { topic: 'a', receipts: [messagesOf(again)[0]?.receipt], delay_ms: 1_000 });
  t.same(texts(bench.call('RECV', { topic: 'a', max: 10 })), [], 'a pause of the first one holds the others');
  bench.tick(1_000);
  bench.call('ACK', { topic: 'a', receipts: [one(bench, 'a').receipt] });
  t.same(texts(bench.call('RECV', { topic: 'a', max: 10, ack: 'auto' })), ['2', '3']);
  t.end();
});

await t.test('rule 8: a body that is not what was sent is never delivered', (t) => {
  const corrupt: string[] = [];
  const bench = new Bench(new FaultStore(), { onCorrupt: (topic) => corrupt.push(topic) });
  bench.call('SEND', { topic: 'a', body: bytes('damaged') });
  bench.call('SEND', { topic: 'a', body: bytes('whole') });
  const [entry] = bench.store.range(Table.BODY, `${Table.BODY}\u00ff`, 1);
  if (entry === undefined) throw new Error('there is a body');
  const damaged = Buffer.from(entry.value);
  damaged[damaged.length - 1] = 0;
  bench.store.put(entry.key, damaged);
  bench.store.commit();
  // What came lately is delivered as it came; after a start it is read.
  bench.reopen(bench.store.reopened());
  t.same(messagesOf(bench.call('RECV', { topic: 'a', max: 10 })).map(({ body }) => Buffer.from(body).toString()), ['whole']);
  t.same(corrupt, ['a']);
  t.match(bench.call('STATS', { topic: 'a' }).body, { ready: 0, delayed: 1 }, 'it is not lost either');
  t.end();
});

await t.test('rule 9: tenants do not meet', (t) => {
  const bench = new Bench(new FaultStore());
  const id = idOf(bench.call('SEND', { topic: 'a', body: bytes('x'), key: 'k' }, { tenant: TENANT_A }));
  const { receipt } = one(bench, 'a');
  const foreign = { tenant: TENANT_B };
  t.same(messagesOf(bench.call('RECV', { topic: 'a' }, foreign)), []);
  t.same(outcomesOf(bench.call('ACK', { topic: 'a', receipts: [receipt] }, foreign)), ['gone']);
  for (const [op, fields] of [['DELETE', { topic: 'a', id }], ['PEEK', { topic: 'a' }], ['STATS', { topic: 'a' }], ['PURGE', { topic: 'a' }], ['REDRIVE', { from: 'a', to: 'b' }]] as const) {
    t.equal(bench.call(op, fields, foreign).body.reason, 'topic_unknown', op);
  }
  t.same(bench.call('STATS', {}, foreign).body, { topics: [] });
  bench.call('SEND', { topic: 'a', body: bytes('of b') }, foreign);
  t.same(outcomesOf(bench.call('ACK', { topic: 'a', receipts: [receipt] }, foreign)), ['gone'], 'also with a topic of that name');
  t.equal(bench.call('STATS', { topic: 'a' }).body.leased, 1);
  t.end();
});

await t.test('rule 10: the counters are what a full scan finds, on a real disk after a restart too', (t) => {
  using temporary = new TemporaryStore();
  const bench = new Bench(temporary.store);
  for (let n = 0; n < 300; n++) bench.call('SEND', { topic: 'a', body: bytes(`body ${n}`), ...(n % 3 === 0 ? { group: `g${n % 7}` } : {}), ...(n % 5 === 0 ? { ttl_ms: 40 } : {}) });
  for (let n = 0; n < 20; n++) {
    const receipts = messagesOf(bench.call('RECV', { topic: 'a', max: 7, visibility_ms: 30 })).map((m) => m.receipt);
    if (receipts.length > 2) bench.call(n % 2 === 0 ? 'ACK' : 'NACK', { topic: 'a', receipts: receipts.slice(2) });
    bench.tick(3);
  }
  t.same(faultsOf(temporary.store), []);
  const before = bench.call('STATS', { topic: 'a' }).body;
  bench.reopen(temporary.reopen());
  t.same(faultsOf(temporary.store), []);
  t.same(bench.call('STATS', { topic: 'a' }).body, before);
  t.end();
});
