import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from '@msgpack/msgpack';
import { ControlOp, defineReject, Reject } from '@omnigate/kernel/wire';
import type { OapError } from '@omnigate/kernel/wire';
import t from 'tap';
import type { Test } from 'tap';
import { connect } from '../../src/index.ts';
import type { Client, ConnectOptions, Mailbox, Message, Subscription } from '../../src/index.ts';
import { MailboxOp } from '../../src/mailbox/operations.ts';
import { ScriptedMailbox } from '../fixtures/scripted-mailbox.ts';
import { pattern, ScriptedNode } from '../fixtures/scripted-node.ts';
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

async function next(subscription: Subscription): Promise<Message> {
  const { value } = await subscription[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error('the subscription is over');
  return value;
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

await t.test('a loop over messages that come', async (t) => {
  const { box, mailbox } = await start(t);
  const subscription = mailbox.subscribe({ prefetch: 8, visibilityMs: 5_000 });
  t.equal(subscription.state, 'opening');
  box.put(...numbers(100));
  const seen: string[] = [];
  for await (const message of subscription) {
    seen.push(message.text());
    if (seen.length === 50) box.put(...numbers(100).map((text) => `later ${text}`));
    void message.ack();
    if (seen.length === 200) break;
  }
  t.same(seen, [...numbers(100), ...numbers(100).map((text) => `later ${text}`)]);
  t.equal(subscription.state, 'closed');
  t.match(box.of(MailboxOp.SUBSCRIBE), [{ topic: 'orders', prefetch: 8, visibility_ms: 5_000 }]);
  t.ok(box.messages.every(({ gone }) => gone), 'what was acknowledged in the last turn too');
  t.ok(box.of(MailboxOp.ACK).length <= 60, `${box.of(MailboxOp.ACK).length} requests`);
  await until(() => box.subscribers === 0);
});

await t.test('records cut anywhere, large ones and small ones, arrive whole', async (t) => {
  const { box, mailbox } = await start(t);
  for (const cutBytes of [1, 7, 1_000]) {
    box.cutBytes = cutBytes;
    const subscription = mailbox.subscribe({ prefetch: 3 });
    box.put(pattern(0), pattern(2_000, 1), pattern(3, 2));
    for (const [bytes, seed] of [[0, 0], [2_000, 1], [3, 2]] as const) {
      const message = await next(subscription);
      t.ok(Buffer.from(message.body).equals(pattern(bytes, seed)), `${bytes} bytes cut at ${cutBytes}`);
      await message.ack();
    }
    await subscription.close();
  }
});

await t.test('credit is granted as messages are taken: a reader that pauses holds a window and no more', async (t) => {
  const { box, node, mailbox } = await start(t, { windowBytes: 65_536 });
  const subscription = mailbox.subscribe({ prefetch: 4 });
  await until(() => subscription.state === 'open');
  const granted = (): number => node.peer.control(ControlOp.CREDIT).reduce((sum, { payload }) => sum + Buffer.from(payload).readUInt32BE(), 0);
  box.put(pattern(16_000), pattern(16_000), pattern(16_000));
  await sleep(50);
  t.equal(granted(), 0, 'nobody took one');
  for (let taken = 0; taken < 3; taken++) void (await next(subscription)).ack();
  await until(() => granted() > 32_768);
  box.put(pattern(60_000));
  await (await next(subscription)).ack();
  await subscription.close();
  const wide = mailbox.subscribe({ prefetch: 1 });
  await until(() => wide.state === 'open');
  const record = Buffer.alloc(4 + 200_000);
  record.writeUInt32BE(200_000);
  const frames = [record.subarray(0, 60_000)];
  const frame = node.peer.requests.filter(({ code }) => code === MailboxOp.SUBSCRIBE).at(-1);
  const before = granted();
  for (const part of frames) if (frame !== undefined) node.peer.reply(frame, part, 0);
  await until(() => granted() > before);
  t.pass('a record that is larger than the window gets the credit it needs');
  await wide.close();
});

await t.test('leases are extended while their messages wait or are worked on, up to the cap', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('waits', 'long work', 'short work');
  const subscription = mailbox.subscribe({ prefetch: 3, visibilityMs: 300, extendMsMax: 1_500 });
  const startedAt = Date.now();
  const first = await next(subscription);
  const second = await next(subscription);
  await until(() => box.of(MailboxOp.EXTEND).length >= 2);
  t.equal(box.of(MailboxOp.EXTEND)[0]?.receipts?.length, 3, 'all in one request');
  await first.ack();
  const { signal } = second;
  await until(() => signal.aborted);
  const tookMs = Date.now() - startedAt;
  t.ok(tookMs > 1_300, `kept for ${tookMs} ms`);
  t.match(signal.reason, { reason: 'lease_lost', message: /its time ran out/ });
  const extensions = box.of(MailboxOp.EXTEND).length;
  await sleep(400);
  t.equal(box.of(MailboxOp.EXTEND).length, extensions, 'no more of them');
  await subscription.close();
});

await t.test('a lease that the node gave to another is told by the signal', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a');
  const subscription = mailbox.subscribe({ visibilityMs: 200 });
  const message = await next(subscription);
  for (const held of box.messages) box.expire(held);
  const { signal } = message;
  await until(() => signal.aborted);
  t.match(signal.reason, { reason: 'lease_lost', message: /given to another receiver/ });
  await subscription.close();
});

await t.test('a handler: returning acknowledges, throwing gives back, so many at a time', async (t) => {
  const { box, mailbox } = await start(t);
  box.put(...numbers(40));
  const errors: [unknown, string][] = [];
  const seen: string[] = [];
  let running = 0;
  let most = 0;
  const worker = mailbox.subscribe(
    async (message, { signal }) => {
      most = Math.max(most, ++running);
      await sleep(2, undefined, { signal });
      running--;
      seen.push(message.text());
      if (message.text() === '7' && message.deliveries < 3) throw new Error('not yet');
      if (message.text() === '8') await message.nack({ delayMs: 9 });
    },
    { concurrency: 5, onError: (error, { id }) => errors.push([error, id]) },
  );
  await until(() => box.messages.filter(({ gone }) => gone).length === 39);
  t.equal(most, 5);
  t.equal(seen.filter((text) => text === '7').length, 3, 'twice given back');
  t.match(errors.map(([error]) => error), [{ message: 'not yet' }, { message: 'not yet' }]);
  t.ok(box.of(MailboxOp.NACK).some(({ delay_ms }) => delay_ms === 9), 'one that it settled itself is left so');
  await worker.close();
  await worker.finished;
  t.equal(worker.state, 'closed');
  await until(() => box.subscribers === 0);
});

await t.test('close() waits for the handlers under way, and no longer than it is told', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a', 'b', 'c');
  let finish: () => void = () => undefined;
  const handled: string[] = [];
  const worker = mailbox.subscribe(async (message) => {
    handled.push(message.text());
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  await until(() => handled.length === 1);
  const closing = worker.close();
  await sleep(30);
  t.equal(worker.state, 'open');
  finish();
  await closing;
  t.same([handled, box.messages.map(({ gone }) => gone)], [['a'], [true, false, false]]);

  const stuck: AbortSignal[] = [];
  const controller = new AbortController();
  const other = mailbox.subscribe((_message, { signal }) => new Promise(() => stuck.push(signal)), { signal: controller.signal });
  await until(() => stuck.length === 1);
  await other.close(20);
  t.equal(stuck[0]?.aborted, true, 'who did not finish is told');
  await other.finished;
});

await t.test('close() sends an acknowledgement that waits for an EXTEND before it ends the subscription', async (t) => {
  const { box, mailbox } = await start(t);
  box.put('a');
  const [held] = box.messages;
  const subscription = mailbox.subscribe({ visibilityMs: 300 });
  const message = await next(subscription);
  const receipt = Buffer.from([0, 0, 0, 99]);
  let subscribers = 0;
  box.onRequest = (peer, frame) => {
    if (frame.code === MailboxOp.ACK) subscribers = box.subscribers;
    if (frame.code !== MailboxOp.EXTEND || held === undefined) return false;
    setTimeout(() => {
      held.lease = 99;
      peer.reply(frame, encode({ outcomes: ['ok'], receipts: [receipt] }));
    }, 200);
    return true;
  };
  await until(() => box.of(MailboxOp.EXTEND).length > 0);
  const acknowledged = message.ack();
  await subscription.close();
  t.same(box.of(MailboxOp.ACK)[0]?.receipts?.map((bytes) => Buffer.from(bytes)), [receipt], 'with the receipt that replaced the first');
  t.equal(subscribers, 1, 'while the subscription stood');
  await acknowledged;
});

await t.test('after a lost connection it goes on by itself, and says so', async (t) => {
  const { box, node, mailbox } = await start(t);
  const subscription = mailbox.subscribe({ visibilityMs: 10_000 });
  const states: [string, string | undefined][] = [];
  subscription.onState((state, error) => states.push([state, error?.reason]));
  box.put('a', 'b');
  const first = await next(subscription);
  const second = await next(subscription);
  await first.ack();
  node.peer.socket.destroy();
  await until(() => box.of(MailboxOp.SUBSCRIBE).length === 2 && subscription.state === 'open');
  t.same(states, [['open', undefined], ['waiting', 'connection_lost'], ['opening', undefined], ['open', undefined]]);
  t.equal(subscription.lastError, undefined);
  t.equal(second.lost, false, 'its lease was taken back in time');
  await second.ack();
  box.put('c');
  const third = await next(subscription);
  t.equal(third.text(), 'c');
  await third.ack();
  t.ok(box.messages.every(({ gone, deliveries }) => gone && deliveries === 1));
  await subscription.close();
});

await t.test('what nobody took yet is kept over the loss, and what was given to another is lost', async (t) => {
  const { box, node, mailbox } = await start(t);
  const subscription = mailbox.subscribe();
  box.put('a', 'b');
  const first = await next(subscription);
  box.onRequest = (_peer, frame) => {
    // Somebody else is faster than the extension.
    if (frame.code === MailboxOp.EXTEND) for (const held of box.messages.slice(0, 1)) box.expire(held);
    return false;
  };
  node.peer.socket.destroy();
  await until(() => first.lost);
  const second = await next(subscription);
  t.same([second.text(), second.deliveries], ['b', 1]);
  await second.ack();
  await subscription.close();
});

await t.test('what is lost while it waits is never handed out', async (t) => {
  const { box, node, mailbox } = await start(t);
  const subscription = mailbox.subscribe();
  await until(() => subscription.state === 'open');
  box.put('a', 'b', 'c');
  await until(() => box.messages.every(({ lease }) => lease > 0));
  await sleep(20);
  box.onRequest = (_peer, frame) => {
    if (frame.code === MailboxOp.EXTEND) for (const held of box.messages.slice(0, 2)) box.expire(held);
    return false;
  };
  node.peer.socket.destroy();
  await until(() => box.of(MailboxOp.SUBSCRIBE).length === 2);
  await until(() => subscription.state === 'open');
  t.equal((await next(subscription)).text(), 'c');
  await subscription.close();
});

await t.test('a restart of the node and a GOAWAY are no end either', async (t) => {
  const box = new ScriptedMailbox();
  let node = await ScriptedNode.start(box.script);
  const { port, url } = node;
  const client = await connect({ url });
  t.teardown(async () => {
    await client.close();
    await node[Symbol.asyncDispose]();
  });
  const seen = new Set<string>();
  const worker = client.mailbox('orders').subscribe((message) => seen.add(message.text()), { concurrency: 4 });
  box.put(...numbers(10));
  await until(() => seen.size === 10);
  await node[Symbol.asyncDispose]();
  box.put(...numbers(20));
  await sleep(150);
  t.not(worker.state, 'open');
  node = await ScriptedNode.start({ ...box.script, port });
  await until(() => seen.size === 20);
  const old = node.peer;
  old.goAway(60_000);
  await until(() => node.peers.length === 2 && worker.state === 'open');
  t.equal(node.peer.requests.some(({ code }) => code === MailboxOp.SUBSCRIBE), true, 'on the new connection');
  await until(() => old.socket.destroyed);
  box.put('after');
  await until(() => seen.has('after'));
  await client.close();
  await worker.finished;
});

await t.test('what cannot get better ends it: the loop throws, finished rejects', async (t) => {
  const { box, mailbox } = await start(t);
  const scope = defineReject('cap_scope', 403, false, 'K', 'Ask for more.');
  box.onRequest = (peer, frame) => {
    peer.error(frame, scope);
    return true;
  };
  const subscription = mailbox.subscribe();
  t.match(await failure(next(subscription)), { reason: 'cap_scope' });
  t.match([subscription.state, subscription.lastError?.reason], ['closed', 'cap_scope']);
  const worker = mailbox.subscribe(() => undefined);
  t.match(await failure(worker.finished), { reason: 'cap_scope' });
  await worker.close();
});

await t.test('what may get better is tried again with a pause', async (t) => {
  const { box, mailbox } = await start(t, { retry: false });
  const refusals = [Reject.internal, Reject.service_unavailable, Reject.inflight];
  box.onRequest = (peer, frame) => {
    const reject = refusals.shift();
    if (reject !== undefined) peer.error(frame, reject);
    return reject !== undefined;
  };
  box.put('a');
  const subscription = mailbox.subscribe();
  t.equal((await next(subscription)).text(), 'a');
  t.equal(box.of(MailboxOp.SUBSCRIBE).length, 4);
  // As the node ends a stream whose capability is over: the next one begins with a new one, or is refused for good.
  box.onRequest = undefined;
  box.endWith(defineReject('cap_expired', 401, false, 'K', ''));
  await until(() => box.of(MailboxOp.SUBSCRIBE).length === 5);
  await subscription.close();
});

await t.test('a node that breaks the rules ends the subscription and nothing else', async (t) => {
  const { box, client, mailbox } = await start(t);
  const broken: [string, () => void][] = [
    ['a record that is no map', () => { box.sendRecord(encode([1])); }],
    ['a record without messages', () => { box.sendRecord(encode({})); }],
    ['a message that is none', () => { box.sendRecord(encode({ messages: [7] })); }],
    ['an array of 2^32 elements', () => { box.sendRecord(new Uint8Array([0x81, 0xa8, ...Buffer.from('messages'), 0xdd, 255, 255, 255, 255])); }],
    ['a length beyond any record', () => { box.sendRecord(new Uint8Array(1), 2_097_153); }],
    ['an empty record', () => { box.sendRecord(new Uint8Array(0)); }],
  ];
  for (const [what, send] of broken) {
    const subscription = mailbox.subscribe();
    await until(() => subscription.state === 'open');
    const reading = failure(next(subscription));
    send();
    t.equal((await reading).reason, 'bad_response', what);
    await until(() => box.subscribers === 0);
  }
  t.equal((await client.echo(pattern(3))).length, 3);
});

await t.test('ack: auto leaves nothing to acknowledge', async (t) => {
  const { box, mailbox } = await start(t);
  const subscription = mailbox.subscribe({ ack: 'auto' });
  await until(() => subscription.state === 'open');
  box.sendRecord(encode({ messages: [{ id: 'i', body: new Uint8Array(), deliveries: 1, sent_at_ms: 1 }] }));
  const message = await next(subscription);
  await message.ack();
  t.same([box.of(MailboxOp.SUBSCRIBE)[0]?.ack, box.of(MailboxOp.ACK).length, message.signal.aborted], ['auto', 0, false]);
  await subscription.close();
});

await t.test('signals, wrong options, and the end of the client', async (t) => {
  const { mailbox, client } = await start(t);
  for (const wrong of [{ prefetch: 0 }, { prefetch: 1_025 }, { visibilityMs: 0 }, { extendMsMax: -1 }]) {
    t.throws(() => mailbox.subscribe(wrong), TypeError, JSON.stringify(wrong));
  }
  t.throws(() => mailbox.subscribe(() => undefined, { concurrency: 0 }), TypeError);
  const controller = new AbortController();
  const ended = mailbox.subscribe({ signal: controller.signal });
  const reading = ended[Symbol.asyncIterator]().next();
  controller.abort();
  t.same(await reading, { done: true, value: undefined });
  t.equal(mailbox.subscribe({ signal: controller.signal }).state, 'closed', 'aborted before');
  const last = mailbox.subscribe();
  await until(() => last.state === 'open');
  const end: Promise<OapError> = failure(next(last));
  const startedAt = Date.now();
  await client.close();
  t.equal((await end).reason, 'client_closed');
  t.ok(Date.now() - startedAt < 4_000, 'closing does not wait for it');
});
