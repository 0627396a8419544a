import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import t from 'tap';
import { Table } from '../src/broker/topic.ts';
import { readU48Key } from '../src/codec/binary.ts';
import { BODY_BYTES_MAX, TENANT_TOPICS_MAX, TOPIC_RECEIVERS_MAX } from '../src/limits.ts';
import { MailboxReject } from '../src/rejects.ts';
import { Bench, bytes, FaultStore } from './bench.ts';
import type { Answer, Message, OpName } from './bench.ts';
import { faultsOf } from './full-scan.ts';
import { TemporaryStore } from './temporary-store.ts';

const messagesOf = ({ body }: Answer): readonly Message[] => body.messages;
const encodable = (fields: object): Uint8Array | undefined => {
  try {
    return encode(fields);
  } catch {
    return undefined;
  }
};
const textsOf = (answer: Answer): string[] => messagesOf(answer).map(({ body }) => Buffer.from(body).toString());

await t.test('an ill-typed field is refused by its name, and nothing is done', (t) => {
  const bench = new Bench(new FaultStore());
  const body = bytes('x');
  const receipts = [new Uint8Array(27)];
  const cases: [OpName, unknown, string][] = [
    ['SEND', bytes('no map'), ''],
    ['SEND', { body }, 'topic'],
    ['SEND', { topic: null, body }, 'topic'],
    ...['', '/a', 'a//b', 'a/', 'a/../b', './a', 'a\\b', 'a\u0000', 'x'.repeat(513), 'é'.repeat(257), 7].map((topic): [OpName, unknown, string] => ['SEND', { topic, body }, 'topic']),
    ['SEND', { topic: 'a' }, 'body'],
    ['SEND', { topic: 'a', body: 'text' }, 'body'],
    ['SEND', { topic: 'a', body, key: '' }, 'key'],
    ['SEND', { topic: 'a', body, key: 'k'.repeat(257) }, 'key'],
    ['SEND', { topic: 'a', body, group: 7 }, 'group'],
    ['SEND', { topic: 'a', body, priority: 10 }, 'priority'],
    ['SEND', { topic: 'a', body, priority: 1.5 }, 'priority'],
    ['SEND', { topic: 'a', body, delay_ms: -1 }, 'delay_ms'],
    ['SEND', { topic: 'a', body, ttl_ms: 0 }, 'ttl_ms'],
    ['SEND', { topic: 'a', body, headers: { a: 1 } }, 'headers'],
    ['SEND', { topic: 'a', body, headers: ['a'] }, 'headers'],
    ['SEND', { topic: 'a', body, headers: { a: 'x'.repeat(4_097) } }, 'headers'],
    ['RECV', { topic: 'a', max: 0 }, 'max'],
    ['RECV', { topic: 'a', max: 257 }, 'max'],
    ['RECV', { topic: 'a', visibility_ms: 0 }, 'visibility_ms'],
    ['RECV', { topic: 'a', wait_ms: 60_001 }, 'wait_ms'],
    ['RECV', { topic: 'a', ack: 'never' }, 'ack'],
    ['SUBSCRIBE', { topic: 'a', prefetch: 0 }, 'prefetch'],
    ['ACK', { topic: 'a', receipts: [] }, 'receipts'],
    ['ACK', { topic: 'a', receipts: 'x' }, 'receipts'],
    ['ACK', { topic: 'a', receipts: [new Uint8Array(65)] }, 'receipts'],
    ['NACK', { topic: 'a', receipts, delay_ms: 'x' }, 'delay_ms'],
    ['EXTEND', { topic: 'a', receipts }, 'visibility_ms'],
    ['DELETE', { topic: 'a', id: 'x' }, 'id'],
    ['PEEK', { topic: 'a', state: 'gone' }, 'state'],
    ['PEEK', { topic: 'a', after: bytes('x') }, 'after'],
    ['STATS', { topic: 7 }, 'topic'],
    ['STATS', { after: 'x'.repeat(4_000) }, 'after'],
    ['REDRIVE', { from: 'a' }, 'to'],
    ['REDRIVE', { from: 'a', to: 'a' }, 'to'],
    ['REDRIVE', { from: 'a', to: 'b', filter: { reason: 1 } }, 'filter'],
    ['REDRIVE', { from: 'a', to: 'b', filter: { id: 'x' } }, 'filter'],
    ['PURGE', { topic: 'a', max: 0 }, 'max'],
    ['CONFIGURE', { topic: 'a', dlq: 'a' }, 'dlq'],
    ['CONFIGURE', { topic: 'a', max_deliveries: -1 }, 'max_deliveries'],
    ['CONFIGURE', { create: 1 }, 'create'],
  ];
  for (const [op, fields, field] of cases) {
    const answer = bench.call(op, fields);
    t.match(answer, { status: 400, body: { reason: 'bad_payload', detail: { field } } }, `${op} ${field}`);
  }
  t.equal(bench.store.commits, 0);
  t.same(bench.call('STATS', {}).body, { topics: [] });
  t.end();
});

await t.test('each reason of the mailbox is given where the specification says', (t) => {
  const bench = new Bench(new FaultStore());
  t.match(bench.call('SEND', { topic: 'a', body: new Uint8Array(BODY_BYTES_MAX + 1) }), { status: 413, body: { reason: 'body_too_large' } });
  t.equal(bench.call('SEND', { topic: 'a', body: new Uint8Array(BODY_BYTES_MAX) }).status, 200);
  for (const op of ['PEEK', 'STATS', 'PURGE'] as const) t.match(bench.call(op, { topic: 'none' }), { status: 404, body: { reason: 'topic_unknown' } });
  bench.call('CONFIGURE', { create: false });
  for (const [op, fields] of [['SEND', { body: bytes('x') }], ['RECV', {}], ['SUBSCRIBE', {}]] as const) {
    t.equal(bench.call(op, { topic: 'none', ...fields }).body.reason, 'topic_unknown', `${op} makes no topic when CONFIGURE says so`);
  }
  t.equal(bench.call('CONFIGURE', { topic: 'none' }).status, 200);
  t.equal(bench.call('SEND', { topic: 'none', body: bytes('x') }).status, 200, 'and CONFIGURE makes it');
  bench.store.hasRoom = false;
  t.match(bench.call('SEND', { topic: 'a', body: bytes('x') }), { status: 507, body: { reason: 'mailbox_full' } });
  const [message] = messagesOf(bench.call('RECV', { topic: 'a' }));
  t.same(bench.call('ACK', { topic: 'a', receipts: [message?.receipt] }).body, { outcomes: ['ok'] }, 'ACK works on a full disk');
  const [other] = messagesOf(bench.call('PEEK', { topic: 'none' }));
  t.same(bench.call('DELETE', { topic: 'none', id: other?.id }).body, { outcome: 'deleted' }, 'DELETE too');
  bench.store.hasRoom = true;
  t.equal(bench.call('SEND', { topic: 'a', body: bytes('x') }).status, 200);
  t.ok(Object.entries(MailboxReject).every(([name, { reason }]) => name === reason));
  t.end();
});

await t.test('topics and receivers of a tenant are bounded', (t) => {
  const bench = new Bench(new FaultStore());
  bench.calls(Array.from({ length: TENANT_TOPICS_MAX }, (_, n) => ['SEND', { topic: `t${n}`, body: bytes('') }] as const));
  t.match(bench.call('SEND', { topic: 'one-more', body: bytes('') }), { status: 429, body: { reason: 'mailbox_quota' } });
  t.equal(bench.call('SEND', { topic: 't0', body: bytes('') }).status, 200);
  const waiters = bench.calls(Array.from({ length: TOPIC_RECEIVERS_MAX + 1 }, () => ['RECV', { topic: 'empty', wait_ms: 1_000 }] as const));
  t.match(waiters, [{ status: 429, body: { reason: 'receivers_max' } }], 'one too many');
  t.equal(bench.tick(1_000).length, TOPIC_RECEIVERS_MAX, 'the others are answered when their time is over');
  t.end();
});

await t.test('who waits is served in the order of arrival, as soon as there is something', (t) => {
  const bench = new Bench(new FaultStore());
  const first = bench.nextCall;
  t.same(bench.calls([['RECV', { topic: 'a', wait_ms: 100 }], ['RECV', { topic: 'a', wait_ms: 50, max: 10 }]]), []);
  const answers = bench.calls([['SEND', { topic: 'a', body: bytes('1') }], ['SEND', { topic: 'a', body: bytes('2') }], ['SEND', { topic: 'a', body: bytes('3') }]]);
  t.same(answers.slice(3).map((answer) => [answer.callId, ...textsOf(answer)]), [[first, '1'], [first + 1, '2', '3']]);
  const third = bench.nextCall;
  t.same(bench.calls([['RECV', { topic: 'a', wait_ms: 50 }]]), []);
  t.equal(bench.engine.nextDueMs, bench.nowMs + 50);
  t.same(bench.tick(49), []);
  t.same(bench.tick(1).map(({ callId, body }) => [callId, body]), [[third, { messages: [] }]], 'time is over');
  const cancelled = bench.nextCall;
  bench.calls([['RECV', { topic: 'a', wait_ms: 50 }]]);
  bench.cancel(cancelled);
  t.equal(bench.calls([['SEND', { topic: 'a', body: bytes('4') }]]).length, 1, 'who let go gets nothing');
  const delayedFor = bench.nextCall;
  bench.call('PURGE', { topic: 'a' });
  bench.calls([['RECV', { topic: 'a', wait_ms: 60_000 }]]);
  bench.call('SEND', { topic: 'a', body: bytes('5'), delay_ms: 30 });
  t.same(bench.tick(30).map(textsOf), [['5']], `a delay that ends wakes call ${delayedFor}`);
  t.end();
});

await t.test('a subscription has as many leases as it asked for, and they end with it', (t) => {
  const bench = new Bench(new FaultStore());
  const sub = bench.nextCall;
  t.match(bench.calls([['SUBSCRIBE', { topic: 'a', prefetch: 2, visibility_ms: 100 }]]), [{ part: true, body: { messages: [] } }], 'it stands');
  for (const body of ['1', '2', '3', '4']) bench.call('SEND', { topic: 'a', body: bytes(body) });
  const [record] = bench.drained(sub);
  if (record === undefined) throw new Error('there is a record');
  t.same(textsOf(record), ['1', '2']);
  t.same(bench.drained(sub), [], 'prefetch is used up');
  const [one, two] = messagesOf(record);
  const [, next] = bench.calls([['ACK', { topic: 'a', receipts: [one?.receipt] }]]);
  t.same(next === undefined ? [] : textsOf(next), ['3'], 'an ACK makes room');
  bench.drained(sub);
  const [, extended] = bench.calls([['EXTEND', { topic: 'a', receipts: [two?.receipt], visibility_ms: 1_000 }], ['STATS', { topic: 'a' }]]);
  t.equal(extended?.body.leased, 2);
  t.same(bench.tick(100).map(textsOf), [['3']], 'a lease that ran out makes room as well, here for the message itself');
  bench.drained(sub);
  t.same(bench.cancel(sub), []);
  t.match(bench.call('STATS', { topic: 'a' }).body, { ready: 3, leased: 0 }, 'all leases end with it, extended ones too');
  t.same(messagesOf(bench.call('RECV', { topic: 'a', max: 10 })).map((m) => m.deliveries), [2, 3, 1], 'what was handed out counts');
  t.same(faultsOf(bench.store), []);
  t.end();
});

await t.test('what was due is not passed over again and again', (t) => {
  const store = new FaultStore();
  const from: string[] = [];
  const range = store.range.bind(store);
  store.range = (first, below, limit) => {
    from.push(first);
    return range(first, below, limit);
  };
  const bench = new Bench(store);
  for (const key of ['1', '2', '3']) {
    bench.tick(1);
    bench.call('SEND', { topic: 'a', body: bytes(key), key, ttl_ms: 1_000, delay_ms: 10 });
  }
  bench.tick(2_000);
  from.length = 0;
  bench.tick(300_000);
  const looks = from.filter((key) => [Table.LEASED, Table.DELAYED, Table.TIMER].some((table) => key.startsWith(table)));
  // Behind table and topic stands the time from which is looked.
  t.ok(looks.length >= 3);
  t.same(looks.filter((key) => readU48Key(key, 5) <= bench.nowMs - 300_000), [], 'nothing is looked for in the time that is done');
  t.match(bench.call('STATS', { topic: 'a' }).body, { ready: 0, delayed: 0, expired: 3 });
  t.equal(bench.call('SEND', { topic: 'a', body: bytes('1'), key: '1' }).body.duplicate, false, 'the keys are forgotten');
  t.same(faultsOf(store), []);
  t.end();
});

await t.test('what never left counts no delivery', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('SEND', { topic: 'a', body: bytes('x') });
  bench.undelivered(bench.call('RECV', { topic: 'a' }), 'a');
  t.match(bench.call('STATS', { topic: 'a' }).body, { ready: 1, leased: 0, delivered: 0 });
  const sub = bench.nextCall;
  bench.calls([['SUBSCRIBE', { topic: 'a' }]]);
  const [record] = bench.drained(sub);
  if (record === undefined) throw new Error('there is a record');
  bench.undelivered(record, 'a');
  t.equal(messagesOf(bench.call('RECV', { topic: 'a' }))[0]?.deliveries, 1);
  t.same(faultsOf(bench.store), []);
  t.end();
});

await t.test('NACK backs off, priority goes first, headers and marks come back', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('SEND', { topic: 'a', body: bytes('plain') });
  bench.call('SEND', { topic: 'a', body: bytes('urgent'), priority: 9, headers: { kind: 'é' }, key: 'k', group: 'g' }, { endToEnd: true });
  const answer = bench.call('RECV', { topic: 'a', max: 10 });
  t.equal(answer.endToEnd, true);
  t.match(messagesOf(answer), [{ priority: 9, headers: { kind: 'é' }, key: 'k', group: 'g', e2e: true, sent_at_ms: bench.nowMs }, { deliveries: 1 }]);
  const plain = messagesOf(answer)[1];
  bench.call('NACK', { topic: 'a', receipts: [plain?.receipt] });
  bench.tick(999);
  t.same(textsOf(bench.call('RECV', { topic: 'a' })), []);
  bench.tick(1);
  const [again] = messagesOf(bench.call('RECV', { topic: 'a' }));
  bench.call('NACK', { topic: 'a', receipts: [again?.receipt] });
  bench.tick(1_999);
  t.same(textsOf(bench.call('RECV', { topic: 'a' })), []);
  bench.tick(1);
  t.same(textsOf(bench.call('RECV', { topic: 'a' })), ['plain']);
  t.end();
});

await t.test('pages of PEEK, STATS, REDRIVE and PURGE lead to the end', (t) => {
  const bench = new Bench(new FaultStore());
  for (let n = 0; n < 5; n++) bench.call('SEND', { topic: n < 3 ? 'a' : `b${n}`, body: bytes(String(n)), priority: n });
  const seen: string[] = [];
  let after: Uint8Array | undefined;
  do {
    const page = bench.call('PEEK', { topic: 'a', limit: 2, after });
    seen.push(...textsOf(page));
    after = page.body.next;
  } while (after !== undefined);
  t.same(seen, ['2', '1', '0'], 'in the order of delivery');
  const first = bench.call('STATS', { limit: 2 }).body as unknown as { topics: { topic: string }[]; next: string };
  t.same([...first.topics.map(({ topic }) => topic), first.next], ['a', 'b3', 'b3']);
  t.match(bench.call('STATS', { limit: 2, after: first.next }).body, { topics: [{ topic: 'b4', oldest_ms: bench.nowMs, settings: { dlq: 'b4/dlq' } }] });
  const moved = bench.call('REDRIVE', { from: 'a', to: 'c', max: 2 }).body;
  t.equal(moved.moved, 2);
  t.same(bench.call('REDRIVE', { from: 'a', to: 'c', after: moved.next }).body, { moved: 1 });
  t.same(bench.call('REDRIVE', { from: 'c', to: 'a', filter: { reason: 'nacked' } }).body, { moved: 0 });
  t.same(bench.call('PURGE', { topic: 'c', max: 2 }).body, { purged: 2, more: true });
  t.same(bench.call('PURGE', { topic: 'c', max: 2 }).body, { purged: 1, more: false });
  t.same(faultsOf(bench.store), []);
  t.end();
});

await t.test('more messages than are kept at hand are delivered in order, and due ones in turns', (t) => {
  const bench = new Bench(new FaultStore());
  const count = 1_500;
  bench.calls(Array.from({ length: count }, (_, n) => ['SEND', { topic: 'a', body: bytes(String(n)) }] as const));
  bench.reopen(bench.store.reopened());
  const seen: string[] = [];
  while (seen.length < count) seen.push(...textsOf(bench.call('RECV', { topic: 'a', max: 256, visibility_ms: 10 })));
  t.same(seen, Array.from({ length: count }, (_, n) => String(n)));
  bench.tick(10);
  const { ready } = bench.call('STATS', { topic: 'a' }).body;
  t.ok(ready < count, 'one step does not do it all');
  for (let n = 0; n < 10; n++) bench.tick(1);
  t.equal(bench.call('STATS', { topic: 'a' }).body.ready, count);
  t.same(faultsOf(bench.store), []);
  t.end();
});

await t.test('a batch with much to write is committed in several steps', (t) => {
  const bench = new Bench(new FaultStore());
  const body = new Uint8Array(BODY_BYTES_MAX);
  const answers = bench.calls(Array.from({ length: 40 }, () => ['SEND', { topic: 'a', body }] as const));
  t.equal(answers.length, 40);
  t.ok(bench.store.commits > 3, `${bench.store.commits} commits`);
  const commits = bench.store.commits;
  const receivers = bench.calls(Array.from({ length: 10 }, () => ['RECV', { topic: 'a', max: 5 }] as const));
  let got = receivers.length;
  while (got < 10) got += bench.tick().length;
  t.equal(got, 10, 'receivers whose messages did not fit one step are served with the next');
  t.ok(bench.store.commits - commits > 3);
  t.end();
});

await t.test('no request brings the engine down, whatever its fields are', (t) => {
  using temporary = new TemporaryStore();
  const bench = new Bench(temporary.store);
  for (const topic of ['a', 'b']) for (let n = 0; n < 3; n++) bench.call('SEND', { topic, body: bytes('x'), group: 'g' });
  const [message] = messagesOf(bench.call('RECV', { topic: 'a' }));
  const names = ['topic', 'from', 'to', 'body', 'key', 'group', 'priority', 'delay_ms', 'ttl_ms', 'headers', 'max', 'visibility_ms', 'wait_ms', 'ack', 'receipts', 'prefetch', 'id', 'state', 'after', 'limit', 'filter', 'dlq', 'create', 'quota_messages', 'max_deliveries'];
  const value = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<unknown>('a', 'b', 'a/dlq', message?.id, [message?.receipt], bytes('x'), 1, 2, 100, null, 'ready', 'leased', 'auto', true, new Uint8Array(17), new Uint8Array(22), new Uint8Array(27), [new Uint8Array(27)]) },
    { weight: 1, arbitrary: fc.oneof(fc.anything({ maxDepth: 1, withDate: true }), fc.string({ minLength: 2_000, maxLength: 4_000 }), fc.uint8Array({ maxLength: 70 }), fc.integer(), fc.double()) },
  );
  const request = fc.dictionary(fc.constantFrom(...names), value, { minKeys: 1, maxKeys: 6 });
  const ops = fc.constantFrom<OpName>('SEND', 'RECV', 'ACK', 'NACK', 'EXTEND', 'DELETE', 'PEEK', 'STATS', 'REDRIVE', 'PURGE', 'CONFIGURE');
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(ops, request, fc.nat(50), fc.boolean(), (op, fields, ms, named) => {
        bench.nowMs += ms;
        // What MessagePack cannot say is no request.
        const payload = encodable({ ...(named ? { topic: 'a' } : {}), ...fields });
        if (payload !== undefined) bench.calls([[op, payload]]);
      }),
      { numRuns: 2_000 },
    );
  });
  t.same(faultsOf(temporary.store), []);
  t.end();
});

await t.test('ciphertext and unknown fields pass, duplicates of fields do not matter to the broker', (t) => {
  const bench = new Bench(new FaultStore());
  t.equal(bench.call('SEND', { topic: 'a', body: bytes('x'), later: { version: [1] } }).status, 200);
  t.equal(bench.call('SEND', encode({ topic: 'a', body: bytes('x'), headers: {} })).status, 200);
  t.same(messagesOf(bench.call('RECV', { topic: 'a', max: 2 })).length, 2);
  t.end();
});

await t.test('many messages in one SEND are judged one by one', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('SEND', { topic: 'a', body: bytes('x'), key: 'k' });
  const body = bytes('x');
  const messages = [{ body, group: 'g' }, { body: 7 }, { body, key: 'k' }, { body: bytes('y'), key: 'k' }, { body, topic: 'elsewhere', priority: 9 }];
  const { status, body: reply } = bench.call('SEND', { topic: 'a', messages });
  t.equal(status, 200);
  const { ids, durability, duplicates, errors } = reply as unknown as { ids: (string | null)[]; durability: string; duplicates: number[]; errors: { at: number; status: number; error: Uint8Array }[] };
  t.same(ids.map((id) => typeof id), ['string', 'object', 'string', 'object', 'string']);
  t.ok((ids[0] as string) < (ids[4] as string), 'in their order');
  t.same([durability, duplicates], ['memory', [2]]);
  t.match(errors, [{ at: 1, status: 400 }, { at: 3, status: 409 }]);
  t.match(errors.map(({ error }) => decode(error)), [{ reason: 'bad_payload', detail: { field: 'body' } }, { reason: 'idempotency_conflict' }]);
  t.match(bench.call('STATS', { topic: 'a' }).body, { ready: 3, admitted: 3 });
  t.equal(bench.store.commits, 2, 'in one commit');
  t.type(bench.call('SEND', { topic: 'a', body, messages: null }).body.id, 'string', 'nil counts as missing');
  const plain = bench.call('SEND', { topic: 'a', messages: [{ body }] }).body;
  t.same(Object.keys(plain), ['ids', 'durability']);
  for (const refused of [[], Array.from({ length: 257 }, () => ({ body })), [body], 'x', [{ body }, null]]) {
    t.match(bench.call('SEND', { topic: 'a', messages: refused }), { status: 400, body: { detail: { field: 'messages' } } });
  }
  t.equal(bench.call('SEND', { topic: 'new/../topic', messages: [{ body }] }).status, 400);
  t.end();
});
