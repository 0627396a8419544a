import { encode } from '@msgpack/msgpack';
import { Flag, Reject } from '@omnigate/kernel/wire';
import t from 'tap';
import type { Test } from 'tap';
import type { Client, ConnectOptions, Mailbox } from '../../src/index.ts';
import { MAILBOX_SEND_BYTES } from '../../src/limits.ts';
import { MailboxOp } from '../../src/mailbox/operations.ts';
import { ScriptedMailbox } from '../fixtures/scripted-mailbox.ts';
import type { ScriptedNode } from '../fixtures/scripted-node.ts';
import { failure, startSession, until } from '../fixtures/session.ts';

interface Site {
  readonly box: ScriptedMailbox;
  readonly node: ScriptedNode;
  readonly client: Client;
  readonly mailbox: Mailbox;
}

async function start(t: Test, options: ConnectOptions = {}): Promise<Site> {
  const box = new ScriptedMailbox();
  const [client, node] = await startSession(t, box.script, options);
  return { box, node, client, mailbox: client.mailbox('orders') };
}

await t.test('send: fields, bodies and what is answered', async (t) => {
  const { box, mailbox } = await start(t);
  const result = await mailbox.send('grüße');
  t.same(result, { id: box.messages[0]?.id, duplicate: false, durability: 'disk' });
  t.same(box.of(MailboxOp.SEND)[0], { topic: 'orders', body: Buffer.from('grüße') });
  await mailbox.send(new Uint8Array([1, 2]), {
    key: 'k', group: 'g', priority: 9, delayMs: 5, ttlMs: 6, headers: { a: 'b' }, e2e: true,
  });
  t.match(box.of(MailboxOp.SEND)[1], { key: 'k', group: 'g', priority: 9, delay_ms: 5, ttl_ms: 6, headers: { a: 'b' } });
  t.equal(box.requests[1]?.flags, Flag.REQ | Flag.START | Flag.END | Flag.APP_E2E);
  await t.rejects(mailbox.send(7 as unknown as string), TypeError);
  await t.rejects(mailbox.send('', { deadlineMs: -1 }), TypeError);
});

await t.test('sends of one turn leave together', async (t) => {
  const { box, node, mailbox } = await start(t);
  const chunks: number[] = [];
  node.peer.socket.on('data', (chunk: Buffer) => chunks.push(chunk.length));
  const results = await Promise.all(Array.from({ length: 200 }, (_, i) => mailbox.send(String(i))));
  t.same(box.messages.map(({ body }) => Buffer.from(body).toString()), Array.from({ length: 200 }, (_, i) => String(i)), 'in their order');
  t.equal(new Set(results.map(({ id }) => id)).size, 200);
  t.ok(chunks.length <= 4, `${chunks.length} writes`);
  t.equal(box.of(MailboxOp.SEND).length, 1, 'in one request');
});

await t.test('of the messages of one request each has its own fate', async (t) => {
  const { box, mailbox } = await start(t);
  const body = Buffer.from('mine');
  const kept = mailbox.send(body);
  const other = mailbox.send('other', { group: 'g', priority: 9 });
  body.fill(0);
  await Promise.all([kept, other]);
  t.match(box.of(MailboxOp.SEND), [{ messages: [{ body: Buffer.from('mine') }, { body: Buffer.from('other'), group: 'g', priority: 9 }] }]);
  t.same((await Promise.all(['a', 'b', 'a'].map((key) => mailbox.send('x', { key })))).map(({ duplicate }) => duplicate), [false, false, true]);

  box.onRequest = (peer, frame, { messages }) => {
    if (messages === undefined) return false;
    const refusal = (at: number, reject: Reject): object => ({ at, status: reject.status, error: encode({ reason: reject.reason, message: 'no' }) });
    const ids = messages.map((_, at) => (at === 0 ? '0'.repeat(26) : null));
    peer.reply(frame, encode({ ids, durability: 'disk', errors: [refusal(1, Reject.bad_payload), refusal(2, Reject.service_unavailable)] }));
    return true;
  };
  const [taken, refused, passing] = await Promise.allSettled(['1', '2', '3'].map((text) => mailbox.send(text)));
  t.match(taken, { status: 'fulfilled', value: { id: '0'.repeat(26), durability: 'disk' } });
  t.match(refused, { status: 'rejected', reason: { reason: 'bad_payload' } });
  t.match(passing, { status: 'fulfilled' }, 'one that may pass is tried again by itself');
  t.match(box.of(MailboxOp.SEND).at(-1), { topic: 'orders', body: Buffer.from('3') });

  box.onRequest = (peer, frame) => {
    peer.error(frame, Reject.internal);
    return true;
  };
  const lost = await Promise.allSettled([mailbox.send('x'), mailbox.send('y')]);
  t.match(lost, [{ reason: { reason: 'internal', message: /once: true/ } }, { reason: { message: /once: true/ } }]);
});

await t.test('order is kept between messages that go together and those that go alone', async (t) => {
  const { box, mailbox } = await start(t);
  const signal = new AbortController().signal;
  const large = Buffer.alloc(MAILBOX_SEND_BYTES);
  const ways = [{}, {}, { key: 'k' }, { signal }, {}, { e2e: true }, {}] as const;
  await Promise.all([...ways.map((options, n) => mailbox.send(String(n), options)), mailbox.send(large), mailbox.send('8')]);
  t.same(box.messages.map(({ body }) => (body.length > 1 ? '7' : Buffer.from(body).toString())), ['0', '1', '2', '3', '4', '5', '6', '7', '8']);
});

await t.test('what was sent before the client was closed is sent', async (t) => {
  const { client, mailbox, box } = await start(t);
  const sent = Promise.all([mailbox.send('1'), mailbox.send('2')]);
  await client.close();
  await sent;
  t.equal(box.messages.length, 2);
});

await t.test('a send without a key is never repeated, and its error says what would help', async (t) => {
  const { box, mailbox } = await start(t);
  box.onRequest = (peer, _frame, fields) => {
    box.put(fields.body as Uint8Array);
    peer.socket.destroy();
    return true;
  };
  t.match(await failure(mailbox.send('x')), { reason: 'connection_lost', retryable: true, message: /Give a key, or once: true/ });
  t.equal(box.messages.length, 1);
  box.onRequest = (peer, frame) => {
    peer.error(frame, Reject.internal);
    return true;
  };
  t.match(await failure(mailbox.send('x')), { reason: 'internal', message: /once: true/ });
  t.equal(box.of(MailboxOp.SEND).length, 2);
});

await t.test('a send with a key is repeated while its outcome is unknown, and is there once', async (t) => {
  const { box, mailbox } = await start(t);
  let faults = 0;
  box.onRequest = (peer, frame) => {
    faults++;
    // Carried out, though the client hears otherwise.
    if (faults === 1) peer.error(frame, Reject.internal);
    if (faults === 2) peer.socket.destroy();
    return faults === 2;
  };
  const { id } = await mailbox.send('x', { once: true });
  t.equal(box.messages.length, 1);
  t.equal(box.messages[0]?.id, id);
  const keys = box.of(MailboxOp.SEND).map(({ key }) => key);
  t.same([keys.length, new Set(keys).size], [3, 1], 'under one key');
  t.match(keys[0], /^[0-9a-f-]{36}$/);
});

await t.test('a mailbox that is not running yet is waited for; what it refuses for good is not', async (t) => {
  const { box, mailbox } = await start(t, { retry: { attempts: 1 } });
  let refusals = 3;
  box.onRequest = (peer, frame) => {
    if (refusals-- <= 0) return false;
    peer.error(frame, Reject.service_unavailable);
    return true;
  };
  await mailbox.send('x');
  t.equal(box.of(MailboxOp.SEND).length, 4);
  box.onRequest = (peer, frame) => {
    peer.error(frame, Reject.bad_payload, { detail: { field: 'priority' } });
    return true;
  };
  t.match(await failure(mailbox.send('x', { priority: 77, key: 'k' })), { reason: 'bad_payload', detail: { field: 'priority' } });
  t.equal(box.of(MailboxOp.SEND).length, 5);
  box.onRequest = (peer, frame) => {
    peer.error(frame, Reject.internal);
    return true;
  };
  const startedAt = Date.now();
  t.equal((await failure(mailbox.send('x', { key: 'k', deadlineMs: 300 }))).reason, 'internal');
  t.ok(Date.now() - startedAt < 5_000, 'within its deadline');
});

await t.test('receive: messages with their fields, and acknowledgements of one turn in one request', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a', 'b', 'c');
  const messages = await mailbox.receive({ max: 3, waitMs: 7, visibilityMs: 1_000 });
  t.same(messages.map((message) => message.text()), ['a', 'b', 'c']);
  t.match(box.of(MailboxOp.RECV)[0], { topic: 'orders', max: 3, wait_ms: 7, visibility_ms: 1_000 });
  t.match(messages[0], { deliveries: 1, priority: 4, e2e: false, headers: {}, sentAtMs: 1_700_000_000_000 });
  await Promise.all(messages.map((message) => message.ack()));
  t.equal(box.of(MailboxOp.ACK).length, 1);
  t.ok(box.messages.every(({ gone }) => gone));
  t.same(await mailbox.receive(), []);
});

await t.test('receive: all the fields a message can have', async (t) => {
  const { box, mailbox } = await start(t);
  const dead = { topic: 'orders', reason: 'nacked', deliveries: 16, at_ms: 5 };
  const whole = { id: 'i', body: Buffer.from([1]), deliveries: 2, sent_at_ms: 3, priority: 9, key: 'k', group: 'g', headers: { a: 'b' }, e2e: true, dead };
  box.onRequest = (peer, frame) => {
    peer.reply(frame, encode({ messages: [whole], more: 'unknown fields are ignored' }));
    return true;
  };
  const [message] = await mailbox.receive({ ack: 'auto' });
  t.match(message, { id: 'i', priority: 9, key: 'k', group: 'g', headers: { a: 'b' }, e2e: true, dead: { reason: 'nacked', atMs: 5 } });
  await message?.ack();
  t.equal(message?.signal.aborted, false);
  t.equal(box.of(MailboxOp.ACK).length, 0, 'it was acknowledged by being handed out');
  for (const broken of [{ id: 7 }, { body: 'text' }, { deliveries: -1 }, { sent_at_ms: undefined }, { headers: { a: 1 } }, { dead: 'yes' }, { receipt: new Uint8Array(65) }]) {
    box.onRequest = (peer, frame) => {
      peer.reply(frame, encode({ messages: [{ ...whole, ...broken }] }));
      return true;
    };
    t.match(await failure(mailbox.receive()), { reason: 'bad_response', detail: { field: Object.keys(broken)[0] } });
  }
  for (const broken of [encode([]), encode({ messages: 7 }), encode({}), new Uint8Array([0xdd, 255, 255, 255, 255]), new Uint8Array()]) {
    box.onRequest = (peer, frame) => {
      peer.reply(frame, broken);
      return true;
    };
    t.equal((await failure(mailbox.receive())).reason, 'bad_response');
  }
});

await t.test('acknowledgements: at most 1,024 to a request, nacks by their delay', async (t) => {
  const { box, mailbox } = await start(t);
  box.put(...Array.from({ length: 2_100 }, (_, i) => String(i)));
  const messages = await mailbox.receive({ max: 2_100 });
  await Promise.all(messages.slice(0, 2_050).map((message) => message.ack()));
  t.same(box.of(MailboxOp.ACK).map(({ receipts }) => receipts?.length), [1_024, 1_024, 2]);
  const rest = messages.slice(2_050);
  await Promise.all(rest.map((message, i) => message.nack(i % 2 === 0 ? {} : { delayMs: 5 })));
  t.same(box.of(MailboxOp.NACK).map(({ receipts, delay_ms }) => [receipts?.length, delay_ms]), [[25, undefined], [25, 5]]);
});

await t.test('a superseded receipt is told: the call fails, the signal fires', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a', 'b');
  const [first, second] = await mailbox.receive({ max: 2 });
  const { signal } = first ?? {};
  for (const held of box.messages) box.expire(held);
  t.match(await failure(first?.ack() ?? Promise.resolve()), { reason: 'lease_lost', message: /given to another receiver/, detail: { id: first?.id } });
  t.same([first?.lost, signal?.aborted], [true, true]);
  t.match(signal?.reason, { reason: 'lease_lost' });
  t.equal((await failure(second?.extend(1_000) ?? Promise.resolve())).reason, 'lease_lost');
  t.equal(second?.signal.aborted, true, 'also when asked for later');
});

await t.test('a message that was received by hand loses its lease with its time', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a', 'b');
  const [first, second] = await mailbox.receive({ max: 2, visibilityMs: 100 });
  await second?.extend(60_000);
  await until(() => first?.signal.aborted === true);
  t.match(first?.signal.reason, { reason: 'lease_lost', message: /its time ran out/ });
  t.equal(second?.lost, false, 'not where it was extended');
  await first?.ack();
  t.ok(box.messages[0]?.gone, 'a late acknowledgement may still be in time');
});

await t.test('the first settlement counts, unless it failed', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a');
  const [message] = await mailbox.receive();
  box.onRequest = (peer, frame) => {
    if (frame.code === MailboxOp.NACK) peer.error(frame, Reject.bad_payload);
    return frame.code === MailboxOp.NACK;
  };
  t.equal((await failure(message?.nack({ delayMs: -1 }) ?? Promise.resolve())).reason, 'bad_payload');
  await Promise.all([message?.ack(), message?.ack(), message?.nack()]);
  t.same([box.of(MailboxOp.NACK).length, box.of(MailboxOp.ACK).length], [1, 1]);
  t.equal((await failure(message?.extend(5) ?? Promise.resolve())).reason, 'lease_lost');
});

await t.test('a message whose acknowledgement failed is kept no longer, and comes again', async (t) => {
  // Trying again would take longer than the lease.
  const { box, mailbox } = await start(t, { retry: false });
  box.onRequest = (peer, frame) => {
    if (frame.code === MailboxOp.ACK) peer.error(frame, Reject.internal);
    return frame.code === MailboxOp.ACK;
  };
  box.put('a');
  const errors: unknown[] = [];
  let signal: AbortSignal | undefined;
  const worker = mailbox.subscribe((message) => (signal = message.signal), { visibilityMs: 300, onError: (error) => errors.push(error) });
  await until(() => signal?.aborted === true);
  t.match(errors, [{ reason: 'internal' }]);
  t.match(signal?.reason, { reason: 'lease_lost', message: /its time ran out/ });
  t.same(box.of(MailboxOp.EXTEND), [], 'nobody works on it');
  await worker.close();
});

await t.test('an acknowledgement whose answer was lost is repeated, and gone is then its own doing', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a');
  const [message] = await mailbox.receive();
  let lost = 0;
  box.onRequest = (peer, frame) => {
    if (frame.code !== MailboxOp.ACK || lost++ > 0) return false;
    (box.messages[0] ?? { gone: false }).gone = true;
    peer.socket.destroy();
    return true;
  };
  await message?.ack();
  t.equal(box.of(MailboxOp.ACK).length, 2);
});

await t.test('an acknowledgement waits for an extension under way, whose receipt it needs', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a');
  const [message] = await mailbox.receive();
  const extended = message?.extend(60_000);
  await Promise.all([extended, message?.ack()]);
  t.ok(box.messages[0]?.gone);
  t.same(box.requests.map(({ op }) => op), [MailboxOp.RECV, MailboxOp.EXTEND, MailboxOp.ACK]);
  const [extend, ack] = [box.of(MailboxOp.EXTEND)[0]?.receipts?.[0], box.of(MailboxOp.ACK)[0]?.receipts?.[0]];
  t.notSame(extend, ack);
});

await t.test('tending: what is asked and what comes back', async (t) => {
  const { box, client, mailbox } = await start(t);
  const settings = { visibility_ms: 1, max_deliveries: 2, dlq: null, dedup_window_ms: 3, retention_ms: 4, quota_messages: 5, quota_bytes: 6 };
  const counts = { ready: 1, blocked: 0, delayed: 2, leased: 3, bytes: 4, admitted: 5, acked: 6, deleted: 7, expired: 8, dead_lettered: 9, redriven: 10, delivered: 11 };
  const topic = (name: string): object => ({ topic: name, ...counts, oldest_ms: 12, settings });
  const answers: object[] = [];
  box.onRequest = (peer, frame) => {
    peer.reply(frame, encode(answers.shift()));
    return true;
  };
  answers.push({ messages: [{ id: 'i', body: new Uint8Array(), deliveries: 0, sent_at_ms: 1, due_ms: 2 }], next: new Uint8Array([1]) });
  const page = await mailbox.peek({ state: 'delayed', limit: 1 });
  t.match(page, { messages: [{ id: 'i', dueMs: 2 }], next: Buffer.from([1]) });
  answers.push({ messages: [] });
  t.same(await mailbox.peek({ after: page.next }), { messages: [], next: undefined });
  t.match(box.of(MailboxOp.PEEK), [{ topic: 'orders', state: 'delayed', limit: 1 }, { after: Buffer.from([1]) }]);

  answers.push(topic('orders'));
  t.match(await mailbox.stats(), { topic: 'orders', ready: 1, deadLettered: 9, oldestMs: 12, settings: { dlq: null, quotaBytes: 6 } });
  answers.push({ topics: [topic('a'), topic('b')], next: 'b' }, { topics: [topic('c')] });
  const names: string[] = [];
  for await (const { topic: name } of client.topics()) names.push(name);
  t.same(names, ['a', 'b', 'c']);
  t.same(box.of(MailboxOp.STATS), [{ topic: 'orders' }, {}, { after: 'b' }]);

  answers.push({ ...settings, dlq: 'dead' });
  t.match(await mailbox.configure({ dlq: 'dead', maxDeliveries: 2 }), { dlq: 'dead', maxDeliveries: 2, visibilityMs: 1 });
  answers.push({ ...settings, create: false });
  t.match(await client.configureTopics({ create: false }), { create: false, retentionMs: 4 });
  t.same(box.of(MailboxOp.CONFIGURE), [{ topic: 'orders', dlq: 'dead', max_deliveries: 2 }, { create: false }]);

  answers.push({ purged: 1_024, more: true }, { purged: 7, more: false });
  const progress: number[] = [];
  const onProgress = (count: number): void => {
    progress.push(count);
  };
  t.equal(await mailbox.purge({ onProgress }), 1_031);
  answers.push({ purged: 5, more: true });
  t.equal(await mailbox.purge({ state: 'leased', max: 5 }), 5);
  t.match(box.of(MailboxOp.PURGE), [{ state: 'all', max: 1_024 }, { state: 'all' }, { state: 'leased', max: 5 }]);

  answers.push({ moved: 3, next: new Uint8Array([9]) }, { moved: 2 });
  t.same(await mailbox.redrive({ reason: 'nacked', onProgress }), { moved: 5, complete: true });
  t.same(progress, [1_024, 1_031, 3, 5]);
  t.match(box.of(MailboxOp.REDRIVE), [
    { from: 'orders/dlq', to: 'orders', filter: { source: 'orders', reason: 'nacked' } },
    { after: Buffer.from([9]) },
  ]);
  answers.push({ outcome: 'pending' });
  t.equal(await mailbox.delete('i'), 'pending');
  answers.push({ outcome: 'whatever' });
  t.equal((await failure(mailbox.delete('i'))).reason, 'bad_response');
});

await t.test('a capability of its own', async (t) => {
  const { box, client } = await start(t);
  await client.mailbox('orders', { cap: Buffer.from('own') }).send('x');
  t.equal(Buffer.from(box.requests[0]?.capability ?? []).toString(), 'own');
});
