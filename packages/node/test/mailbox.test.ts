import { mkdtempSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import type { MintOptions } from '@omnigate/capability';
import { createLogger } from '@omnigate/kernel';
import { connect } from '@omnigate/sdk';
import type { Client, OapError } from '@omnigate/sdk';
import t from 'tap';
import type { Test } from 'tap';
import { createNode } from '../src/node.ts';
import type { OmnigateNode } from '../src/node.ts';
import { ask, receive, subscribe } from './mailbox-client.ts';

const ALICE = '00112233445566778899aabbccddeeff';
const BOB = '0123456789abcdef0123456789abcdef';

interface Site {
  readonly data: string;
  readonly node: () => OmnigateNode;
  readonly restart: () => Promise<void>;
  readonly client: (options?: Partial<MintOptions>) => Promise<Client>;
}

/** A node with its data, which stays when the node is started again. */
async function open(t: Test): Promise<Site> {
  const data = join(mkdtempSync(join(tmpdir(), 'omnigate-mailbox-')), 'data');
  const logger = createLogger({ level: 'silent', destination: { write: () => undefined } });
  const start = (): Promise<OmnigateNode> => createNode({ data, oap: '127.0.0.1:0', admin: 'off', logger });
  let node = await start();
  const desk = await CapabilityStore.open({ folder: join(data, CAPABILITY_FOLDER), auditLog: 'ronctl' });
  t.teardown(async () => {
    await desk.close();
    await node[Symbol.asyncDispose]();
    rmSync(join(data, '..'), { recursive: true });
  });
  return {
    data,
    node: () => node,
    restart: async () => {
      await node[Symbol.asyncDispose]();
      node = await start();
    },
    client: async (options = {}) => {
      const cap = (await desk.mint({ tenant: ALICE, ...options })).bytes;
      const client = await connect({ url: node.addresses.oap?.url, cap, tenant: options.tenant ?? ALICE, retry: false });
      t.teardown(() => client.close());
      return client;
    },
  };
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return (error as OapError).reason;
  }
}

await t.test('a message goes through a real node, and survives its restart', async (t) => {
  const site = await open(t);
  t.notOk(existsSync(join(site.data, 'mailbox')), 'a node whose mailbox nobody uses has no files for it');
  const alice = await site.client();
  const { id, duplicate, durability } = await ask(alice, 'SEND', { topic: 'orders', body: Buffer.from('one'), key: 'k' });
  t.same({ duplicate, durability }, { duplicate: false, durability: 'disk' });
  await site.restart();
  const again = await site.client();
  t.same(await ask(again, 'SEND', { topic: 'orders', body: Buffer.from('one'), key: 'k' }), { id, duplicate: true, durability });
  const [message] = await receive(again, 'orders', { max: 10 });
  t.equal(message?.id, id);
  t.equal(Buffer.from(message?.body ?? []).toString(), 'one');
  t.same(await ask(again, 'ACK', { topic: 'orders', receipts: [message?.receipt] }), { outcomes: ['ok'] });
  await site.restart();
  t.same(await receive(await site.client(), 'orders'), [], 'what was acknowledged stays away');
});

await t.test('who waits gets what comes, and a subscription gets all of it', async (t) => {
  const site = await open(t);
  const alice = await site.client();
  const waiting = receive(alice, 'jobs', { wait_ms: 20_000 });
  await ask(alice, 'SEND', { topic: 'jobs', body: Buffer.from('first') });
  const [first] = await waiting;
  t.equal(Buffer.from(first?.body ?? []).toString(), 'first');
  await ask(alice, 'ACK', { topic: 'jobs', receipts: [first?.receipt] });

  const got: string[] = [];
  const sends = Array.from({ length: 300 }, (_, n) => ask(alice, 'SEND', { topic: 'jobs', body: Buffer.from(String(n)) }));
  for await (const messages of subscribe(alice, { topic: 'jobs', prefetch: 16 })) {
    t.ok(messages.length <= 16, 'no more than the prefetch');
    if (messages.length > 0) await ask(alice, 'ACK', { topic: 'jobs', receipts: messages.map(({ receipt }) => receipt) });
    got.push(...messages.map(({ body }) => Buffer.from(body).toString()));
    if (got.length === 300) break;
  }
  await Promise.all(sends);
  t.same(got.map(Number).sort((a, b) => a - b), Array.from({ length: 300 }, (_, n) => n));
  t.match(await ask(alice, 'STATS', { topic: 'jobs' }), { ready: 0, leased: 0, acked: 301, admitted: 301 });
});

await t.test('a receiver that goes away gives back what it had', async (t) => {
  const site = await open(t);
  const alice = await site.client();
  const leaver = await site.client();
  for (let n = 0; n < 4; n++) await ask(alice, 'SEND', { topic: 'jobs', body: Buffer.from(String(n)) });
  for await (const messages of subscribe(leaver, { topic: 'jobs', prefetch: 2 })) if (messages.length > 0) break;
  await leaver.close();
  const messages = await receive(alice, 'jobs', { max: 10, wait_ms: 5_000 });
  const rest = messages.length === 4 ? [] : await receive(alice, 'jobs', { max: 10, wait_ms: 5_000 });
  const all = [...messages, ...rest];
  t.same(all.map(({ body }) => Buffer.from(body).toString()).sort(), ['0', '1', '2', '3']);
  t.same(all.map(({ deliveries }) => deliveries).sort(), [1, 1, 2, 2], 'what was handed out once counts');
});

await t.test('rule 9: another tenant sees nothing, and a capability holds for its topics only', async (t) => {
  const site = await open(t);
  const alice = await site.client();
  const bob = await site.client({ tenant: BOB });
  await ask(alice, 'SEND', { topic: 'orders/a', body: Buffer.from('x') });
  t.same(await receive(bob, 'orders/a'), []);
  t.equal(await reasonOf(ask(bob, 'STATS', { topic: 'orders/a' })), 'topic_unknown');
  const narrow = await site.client({ prefixes: ['orders/'], verbs: ['send', 'redrive', 'configure', 'stats'] });
  t.equal(await reasonOf(ask(narrow, 'SEND', { topic: 'orders/b', body: Buffer.from('x') })), 'none');
  t.equal(await reasonOf(ask(narrow, 'SEND', { topic: 'payments', body: Buffer.from('x') })), 'cap_scope');
  t.equal(await reasonOf(ask(narrow, 'REDRIVE', { from: 'orders/a', to: 'payments' })), 'cap_scope');
  t.equal(await reasonOf(ask(narrow, 'CONFIGURE', { topic: 'orders/a', dlq: 'payments' })), 'cap_scope');
  t.equal(await reasonOf(ask(narrow, 'STATS', {})), 'cap_scope', 'a list of all topics');
  t.equal(await reasonOf(receive(narrow, 'orders/a')), 'cap_scope', 'a verb it does not have');
});

await t.test('bodies of any size, also through small frames', async (t) => {
  const site = await open(t);
  const alice = await site.client();
  const large = Buffer.alloc(262_144, 7);
  await ask(alice, 'SEND', { topic: 'bulk', body: large });
  await ask(alice, 'SEND', { topic: 'bulk', body: Buffer.alloc(0) });
  const messages = await receive(alice, 'bulk', { max: 2 });
  t.same(messages.map(({ body }) => body.length), [262_144, 0]);
  t.ok(large.equals(messages[0]?.body ?? Buffer.alloc(0)));
  t.equal(await reasonOf(ask(alice, 'SEND', { topic: 'bulk', body: Buffer.alloc(262_145) })), 'body_too_large');
});
