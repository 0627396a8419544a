import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAPABILITY_FOLDER, CapabilityStore, inspectCapability, readAuditTail } from '@omnigate/capability';
import type { MintOptions } from '@omnigate/capability';
import { createLogger, defineService } from '@omnigate/kernel';
import type { OapError } from '@omnigate/kernel';
import { connect } from '@omnigate/sdk';
import type { Client, ConnectOptions } from '@omnigate/sdk';
import t from 'tap';
import type { Test } from 'tap';
import { createNode } from '../src/index.ts';
import type { NodeOptions } from '../src/index.ts';

const APP = 40_000;
const Op = { WRITE: 1, READ: 2, WAIT: 3 } as const;
const ALICE = '000102030405060708090a0b0c0d0e0f';
const BOB = 'ffeeddccbbaa99887766554433221100';

const notes = defineService({
  appProtoId: APP,
  name: 'notes',
  verbs: { [Op.WRITE]: 'write', [Op.READ]: 'read', [Op.WAIT]: 'wait' },
  waiting: [Op.WAIT],
  checksTopics: true,
  operations: {
    [Op.WRITE]: async (call) => {
      call.checkTopic(await call.text());
      return `${call.tenant} may`;
    },
    [Op.READ]: (call) => {
      call.checkTopic('');
      return 'nothing';
    },
    [Op.WAIT]: async (call) => {
      call.checkTopic('');
      await new Promise((resolve) => {
        call.signal.addEventListener('abort', resolve);
      });
      return undefined;
    },
  },
});

interface Entry {
  readonly event?: string;
  readonly [field: string]: unknown;
}

interface Site {
  readonly node: Awaited<ReturnType<typeof createNode>>;
  readonly data: string;
  readonly log: Entry[];
  /** The operator's side of the same keys. */
  readonly desk: CapabilityStore;
  readonly mint: (options?: Partial<MintOptions>) => Promise<Uint8Array>;
  readonly client: (options?: ConnectOptions) => Promise<Client>;
  readonly metrics: () => Promise<Map<string, number>>;
}

/** A node, and the operator's tool beside it. */
async function open(t: Test, options: NodeOptions = {}): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-admission-'));
  const data = join(folder, 'data');
  const log: Entry[] = [];
  const logger = createLogger({ level: 'debug', destination: { write: (line) => log.push(JSON.parse(line) as Entry) } });
  const node = await createNode({ data, oap: '127.0.0.1:0', admin: '127.0.0.1:0', loadShedding: false, services: [notes], logger, ...options });
  const desk = await CapabilityStore.open({ folder: join(data, CAPABILITY_FOLDER), auditLog: 'ronctl' });
  t.teardown(async () => {
    await desk.close();
    await node[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  return {
    node,
    data,
    log,
    desk,
    mint: async (more = {}) => (await desk.mint({ tenant: ALICE, ...more })).bytes,
    client: async (more = {}) => {
      const client = await connect({ url: node.addresses.oap?.url, retry: false, ...more });
      t.teardown(() => client.close());
      return client;
    },
    metrics: async () => {
      const text = await (await fetch(`${node.addresses.admin?.url ?? ''}/metrics`, { headers: { connection: 'close' } })).text();
      return new Map(text.split('\n').map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
    },
  };
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'yes';
  } catch (error) {
    return (error as OapError).reason;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

await t.test('a capability opens what it names, and nothing else', async (t) => {
  const { client, mint, metrics } = await open(t);
  const stranger = await client();
  t.equal(await reasonOf(stranger.request(1, 0, Buffer.from('hi'))), 'yes', 'echo is open to everyone');
  t.equal(await reasonOf(stranger.request(APP, Op.READ)), 'cap_missing');
  const cap = await mint({ apps: [APP], verbs: ['write'], prefixes: ['orders/'] });
  const writer = await client({ cap });
  const reply = await writer.request(APP, Op.WRITE, Buffer.from('orders/new'));
  t.equal(Buffer.from(reply.payload).toString(), `${ALICE} may`, 'the tenant is that of the capability');
  t.equal(await reasonOf(writer.request(APP, Op.READ)), 'cap_scope');
  t.equal(await reasonOf(writer.request(APP, Op.WRITE, Buffer.from('orders/../bills'))), 'cap_scope');
  t.equal(await reasonOf(writer.request(APP, Op.WRITE, Buffer.from('orders/x'), { tenant: BOB })), 'tenant_mismatch');
  t.equal(await reasonOf(stranger.request(APP, Op.READ, undefined, { cap: await mint() })), 'yes', 'for one request');
  const samples = await metrics();
  t.equal(samples.get('rejected_total{reason="cap_missing"}'), 1);
  t.equal(samples.get('rejected_total{reason="cap_scope"}'), 2);
  t.equal(samples.get('rejected_total{reason="quota_tenant"}'), 0, 'every reason is there from the start');
  t.ok((samples.get('capability_verifications_total{result="computed"}') ?? 0) >= 2);
});

await t.test('the storage service is there, for who has a capability for it, down to one blob', async (t) => {
  const { client, mint } = await open(t);
  const STORAGE = 17;
  const [GET, PUT] = [1, 3];
  // MessagePack maps with one field, whose text has 68 bytes.
  const field = (name: string, text: string): Buffer => Buffer.concat([Buffer.of(0x81, 0xa0 + name.length), Buffer.from(name), Buffer.of(0xd9, text.length), Buffer.from(text)]);
  t.equal(await reasonOf((await client()).request(STORAGE, PUT)), 'cap_missing');
  const writer = await client({ cap: await mint({ apps: [STORAGE], verbs: ['put'] }) });
  const { payload } = await writer.request(STORAGE, PUT);
  const id = /b3m:[0-9a-f]{64}/.exec(Buffer.from(payload).toString('latin1'))?.[0] ?? '';
  t.equal(await reasonOf(writer.request(STORAGE, GET, field('id', id))), 'cap_scope', 'PUT is not GET');
  const reader = await client({ cap: await mint({ apps: [STORAGE], prefixes: [id] }) });
  t.equal(await reasonOf(reader.request(STORAGE, GET, field('id', id))), 'yes', 'a capability for this blob');
  t.equal(await reasonOf(reader.request(STORAGE, GET, field('id', `b3m:${'0'.repeat(64)}`))), 'cap_scope', 'and no other');
  t.equal(await reasonOf(reader.request(STORAGE, PUT)), 'cap_scope');
  const stranger = await client({ cap: await mint({ tenant: BOB, apps: [STORAGE] }) });
  t.equal(await reasonOf(stranger.request(STORAGE, GET, field('id', id))), 'blob_not_found', 'another tenant');
});

await t.test('a revocation by another process holds at once, and ends what is open', async (t) => {
  const { node, client, desk, mint, metrics, data } = await open(t);
  const revoked = await mint();
  const alice = await client({ cap: revoked });
  const bob = await client({ cap: await mint({ tenant: BOB }) });
  const waiting = [alice, bob].map((client) => client.request(APP, Op.WAIT));
  const outcomes = waiting.map(reasonOf);
  await until(() => node.metrics.inflight === 2, 'both wait');
  const { sequence } = await desk.revokeTenant(ALICE);
  t.equal(await outcomes[0], 'cap_revoked', 'what was open');
  t.equal(await reasonOf(alice.request(APP, Op.READ)), 'cap_revoked', 'what comes');
  const anew = await client();
  t.equal(await reasonOf(anew.request(APP, Op.READ, undefined, { cap: revoked })), 'cap_revoked', 'elsewhere');
  t.equal(await reasonOf(bob.request(APP, Op.READ)), 'yes', 'another tenant');
  t.equal(node.metrics.inflight, 1);
  t.equal((await metrics()).get('revocation_sequence'), sequence);
  const late = await client();
  t.equal(late.hello.revocation_seq, sequence, 'told in the HELLO');
  t.equal(await reasonOf(client({ cap: await mint() })), 'yes', 'a capability issued afterwards');
  await node[Symbol.asyncDispose]();
  await outcomes[1];
  await desk.close();
  const verdicts = await CapabilityStore.verifyAudit(join(data, CAPABILITY_FOLDER));
  t.same([...verdicts.keys()].sort(), ['node', 'ronctl']);
  t.same([...verdicts.values()].flatMap(({ fault }) => fault ?? []), [], 'denials are on record, and the record is whole');
  const denials = await readAuditTail(CapabilityStore.auditFolder(join(data, CAPABILITY_FOLDER)), 'node', 10);
  t.ok(denials.some((line) => line.includes('"cap_revoked"') && line.includes(`"nonce":"${inspectCapability(revoked).nonce}"`)), 'of which capability');
});

await t.test('keys outlive the node', async (t) => {
  const { node, data, mint } = await open(t);
  const cap = await mint();
  await node[Symbol.asyncDispose]();
  const again = await createNode({ data, oap: '127.0.0.1:0', admin: 'off', loadShedding: false, services: [notes], logger: createLogger({ level: 'silent' }) });
  const client = await connect({ url: again.addresses.oap?.url, cap, retry: false });
  t.equal(await reasonOf(client.request(APP, Op.READ)), 'yes');
  await client.close();
  await again[Symbol.asyncDispose]();
});

await t.test('quotas from a file that changes', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-quotas-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const quotas = join(folder, 'quotas.json');
  const write = (settings: object): void => {
    writeFileSync(quotas, JSON.stringify(settings));
  };
  // A request costs two units, and nothing comes back within the test.
  const tight = { tenant: { units: { per_second: 0.001, burst: 4 } } };
  write({ ...tight, shadow: true });
  const { node, log, client, mint, metrics } = await open(t, { quotas });
  const alice = await client({ cap: await mint() });
  const ask = () => reasonOf(alice.request(APP, Op.READ));
  for (let i = 0; i < 4; i++) t.equal(await ask(), 'yes', 'the shadow only counts');
  t.equal((await metrics()).get('quota_exhaustions_total{quota="tenant"}'), 2);
  t.equal((await metrics()).get('rejected_total{reason="quota_tenant"}'), 0);
  write(tight);
  t.ok(node.reload());
  t.equal(await ask(), 'quota_tenant', 'what was used stays used');
  const error = await alice.request(APP, Op.READ).catch((thrown: unknown) => thrown as OapError);
  t.match(error, { status: 429, retryAfterMs: 5_000 });
  const bob = await client({ cap: await mint({ tenant: BOB }) });
  t.equal(await reasonOf(bob.request(APP, Op.READ)), 'yes', 'each tenant has its own');
  write({ tenant: { units: { per_second: 'many' } } });
  t.notOk(node.reload());
  t.match(log.find(({ event }) => event === 'QuotasRefused'), { err: { message: /tenant\.units\.per_second is not a number/ } });
  t.equal(await ask(), 'quota_tenant', 'the old ones stay in force');
  write({});
  t.ok(node.reload());
  t.equal(await ask(), 'yes');
  write({ weights: { nobody: 1 } });
  await t.rejects(createNode({ data: join(folder, 'data'), quotas, admin: 'off', oap: '127.0.0.1:0' }), { name: 'ConfigError', message: /weights\.nobody is no service of this node; it has echo/ });
});

await t.test('a capability for one node and one deployment', async (t) => {
  const { node, client, mint } = await open(t, { audience: 'production' });
  const holder = await client();
  const ask = async (options: Partial<MintOptions>) => reasonOf(holder.request(APP, Op.READ, undefined, { cap: await mint(options) }));
  t.equal(await ask({ nodes: [node.id], audiences: ['production'] }), 'yes');
  t.equal(await ask({ nodes: ['another'] }), 'cap_binding');
  t.equal(await ask({ audiences: ['staging'] }), 'cap_binding');
  t.equal(await ask({ networks: ['127.0.0.0/8'] }), 'yes');
  t.equal(await ask({ networks: ['192.0.2.0/24'] }), 'cap_binding');
});
