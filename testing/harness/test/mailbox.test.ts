import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import { connect, OapError } from '@omnigate/sdk';
import type { Client, ConnectOptions } from '@omnigate/sdk';
import t from 'tap';
import type { Test } from 'tap';
import { startNode, TemporaryFolder } from '../src/index.ts';
import type { TestNode } from '../src/index.ts';

const TENANT = '000102030405060708090a0b0c0d0e0f';

/** A place for nodes that follow each other on the same port and data. */
class Site {
  readonly #folder = new TemporaryFolder();
  readonly data = this.#folder.file('data');
  node: TestNode | undefined;
  minted = 0;

  async start(): Promise<string> {
    const oap = this.node === undefined ? '127.0.0.1:0' : `127.0.0.1:${this.node.oap.port}`;
    this.node = await startNode({ data: this.data, oap });
    return this.node.oap.url;
  }

  /** A capability for the mailbox. */
  async mint(ttlMs = 60_000): Promise<Uint8Array> {
    this.minted++;
    await using desk = await CapabilityStore.open({ folder: join(this.data, CAPABILITY_FOLDER), auditLog: `desk-${this.minted}` });
    return (await desk.mint({ tenant: TENANT, apps: [16], ttlMs })).bytes;
  }

  async close(): Promise<void> {
    await this.node?.[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

/** Most tests need a topic of their own and no node. */
const site = new Site();
const url = await site.start();
t.teardown(() => site.close());

async function open(t: Test, options: ConnectOptions = {}): Promise<Client> {
  const client = await connect({ url, cap: () => site.mint(), ...options });
  t.teardown(() => client.close());
  return client;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`never happened: ${what}`);
    await sleep(5);
  }
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'yes';
  } catch (error) {
    return error instanceof OapError ? error.reason : String(error);
  }
}

await t.test('a message from its sending to its acknowledgement, and what an operator sees of it', async (t) => {
  const client = await open(t);
  const orders = client.mailbox('orders');
  const first = await orders.send('apples', { key: 'k', headers: { colour: 'red' }, e2e: true });
  t.match(first, { duplicate: false, durability: 'disk' });
  t.match(await orders.send('apples', { key: 'k' }), { id: first.id, duplicate: true });
  t.equal(await reasonOf(orders.send('pears', { key: 'k' })), 'idempotency_conflict');
  await orders.send('later', { delayMs: 60_000, priority: 9 });
  t.match(await orders.stats(), { topic: 'orders', ready: 1, delayed: 1, admitted: 2, settings: { visibilityMs: 30_000, dlq: 'orders/dlq' } });
  t.match((await orders.peek({ state: 'delayed' })).messages, [{ priority: 9, deliveries: 0 }]);
  const [message] = await orders.receive({ max: 10, waitMs: 1_000 });
  t.match(message, { id: first.id, key: 'k', headers: { colour: 'red' }, e2e: true, deliveries: 1 });
  t.equal(message?.text(), 'apples');
  await message?.extend(60_000);
  await message?.ack();
  t.same(await orders.receive(), []);
  t.equal(await orders.purge(), 1);
  t.match(await orders.stats(), { ready: 0, delayed: 0, acked: 1, deleted: 1 });
  const { id } = await orders.send('gone');
  t.equal(await orders.delete(id), 'deleted');
  t.equal(await orders.delete(id), 'gone');
  t.equal(await reasonOf(client.mailbox('nowhere').stats()), 'topic_unknown');
  t.equal(await reasonOf(orders.send(new Uint8Array(262_145))), 'body_too_large');
  t.equal(await reasonOf(orders.send('x', { priority: 10 })), 'bad_payload');
  t.equal(await reasonOf(client.mailbox('a//b').send('x')), 'bad_payload');
});

await t.test('dead letters and the way back', async (t) => {
  const client = await open(t);
  const jobs = client.mailbox('jobs');
  t.match(await jobs.configure({ maxDeliveries: 2 }), { maxDeliveries: 2, dlq: 'jobs/dlq' });
  t.match(await client.configureTopics({ maxDeliveries: 9 }), { maxDeliveries: 9, create: true });
  await jobs.send('bad');
  const worker = jobs.subscribe((message) => message.nack({ delayMs: 1 }));
  const dead = client.mailbox('jobs/dlq').subscribe();
  for await (const message of dead) {
    t.match(message.dead, { topic: 'jobs', reason: 'nacked', deliveries: 2 });
    break;
  }
  await worker.close();
  t.same(await jobs.redrive(), { moved: 1, complete: true });
  const [back] = await jobs.receive({ waitMs: 1_000 });
  t.same([back?.text(), back?.deliveries, back?.dead], ['bad', 1, undefined]);
  await back?.ack();
  const names: string[] = [];
  for await (const { topic } of client.topics()) if (topic.startsWith('jobs')) names.push(topic);
  t.match(names, ['jobs', 'jobs/dlq']);
});

await t.test('subscriptions share a topic; each message is worked on once, slow ones too, groups in order', async (t) => {
  const client = await open(t);
  const work = client.mailbox('work');
  const seen: string[] = [];
  const lost: AbortSignal[] = [];
  const workers = [1, 2, 3].map(() =>
    work.subscribe(
      async (message, { signal }) => {
        await sleep(message.text() === 'slow' ? 5_000 : 1);
        if (signal.aborted) lost.push(signal);
        seen.push(message.text());
      },
      { concurrency: 16, visibilityMs: 3_000 },
    ),
  );
  const bodies = Array.from({ length: 3_000 }, (_, i) => `message ${String(i).padStart(4, '0')}`);
  await Promise.all([...bodies.map((body, i) => work.send(body, { group: `g${i % 50}` })), work.send('slow')]);
  await until(() => seen.length >= 3_001, 'all were worked on');
  await Promise.all(workers.map((worker) => worker.close()));
  t.same([...seen].sort(), [...bodies, 'slow'].sort());
  t.equal(lost.length, 0);
  for (let group = 0; group < 50; group++) {
    const ofGroup = seen.filter((text) => text !== 'slow' && Number(text.slice(-4)) % 50 === group);
    t.same(ofGroup, [...ofGroup].sort(), `group ${group}`);
  }
  t.match(await work.stats(), { ready: 0, leased: 0, acked: 3_001, delivered: 3_001 });
});

await t.test('a reader that leaves gives back what it did not acknowledge', async (t) => {
  const client = await open(t);
  const box = client.mailbox('left');
  await Promise.all(['a', 'b', 'c', 'd'].map((body) => box.send(body)));
  for await (const message of box.subscribe({ prefetch: 4, visibilityMs: 3_600_000 })) {
    void message.ack();
    break;
  }
  const rest = await box.receive({ max: 10, waitMs: 5_000 });
  t.equal(rest.length, 3, 'at once, and not when their leases are over');
});

await t.test('large bodies pass a window that is smaller', async (t) => {
  const client = await open(t, { windowBytes: 65_536 });
  const bulk = client.mailbox('bulk');
  const body = Buffer.alloc(200_000, 7);
  await Promise.all(Array.from({ length: 8 }, () => bulk.send(body)));
  let received = 0;
  for await (const message of bulk.subscribe()) {
    t.ok(body.equals(message.body));
    await message.ack();
    if (++received === 8) break;
  }
});

await t.test('restarts: what was sent once is there once, what was not acknowledged comes again, and nobody has to do a thing', async (t) => {
  const client = await open(t);
  const box = client.mailbox('restarts');
  const seen = new Map<string, number>();
  const states: string[] = [];
  const worker = box.subscribe(
    async (message) => {
      await sleep(5);
      seen.set(message.text(), (seen.get(message.text()) ?? 0) + 1);
    },
    { concurrency: 8, visibilityMs: 3_000, onError: () => undefined },
  );
  worker.onState((state) => states.push(state));
  let sending = true;
  let sent = 0;
  const senders = [0, 1, 2, 3].map(async (sender) => {
    for (let i = 0; sending; i++) {
      await box.send(`${sender}-${i}`, { once: true, deadlineMs: 60_000 });
      sent++;
    }
  });
  for (let restart = 0; restart < 2; restart++) {
    const before = seen.size;
    await until(() => seen.size > before + 20, 'messages pass');
    await site.node?.[Symbol.asyncDispose]();
    await site.start();
  }
  sending = false;
  await Promise.all(senders);
  await until(() => seen.size === sent, `all ${sent} arrive`);
  await until(() => worker.state === 'open', 'it stands again');
  t.ok(states.filter((state) => state === 'waiting').length >= 2, 'the state told of it');
  const twice = [...seen.values()].filter((count) => count > 1).length;
  t.comment(`${sent} messages, ${twice} of them more than once`);
  t.equal((await box.stats()).admitted, sent, 'no message was made twice');
  await worker.close();
});

await t.test('a subscription outlives its capability', async (t) => {
  const client = await open(t, { cap: () => site.mint(1_500) });
  const before = site.minted;
  const box = client.mailbox('renewals');
  const seen: string[] = [];
  const worker = box.subscribe((message) => seen.push(message.text()));
  const endsAt = Date.now() + 4_500;
  let sent = 0;
  for (; Date.now() < endsAt; sent++) {
    await box.send(String(sent));
    await sleep(20);
  }
  await until(() => new Set(seen).size === sent, 'all arrive');
  t.equal(worker.state, 'open');
  t.ok(site.minted >= before + 2, 'it was renewed twice or more');
  await worker.close();
});
