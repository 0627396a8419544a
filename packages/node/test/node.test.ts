import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, defineService } from '@omnigate/kernel';
import type { Service } from '@omnigate/kernel';
import { connect } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import t from 'tap';
import { isValid } from 'ulid';
import { createNode } from '../src/index.ts';
import type { NodeOptions, OmnigateNode } from '../src/index.ts';
import { VERSION } from '../src/version.ts';

const folder = mkdtempSync(join(tmpdir(), 'omnigate-node-'));
t.teardown(() => {
  rmSync(folder, { recursive: true });
});

interface Entry {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

let nodes = 0;
const newData = (): string => join(folder, `data-${++nodes}`);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (payload: Uint8Array): string => new TextDecoder().decode(payload);

async function startNode(options: NodeOptions = {}) {
  const log: Entry[] = [];
  const logger = createLogger({ level: 'debug', destination: { write: (line) => log.push(JSON.parse(line) as Entry) } });
  const data = newData();
  const node = await createNode({ data, oap: '127.0.0.1:0', admin: '127.0.0.1:0', loadShedding: false, logger, ...options });
  return { node, log, data, url: node.addresses.oap?.url ?? '', admin: node.addresses.admin?.url ?? '' };
}

const connectTo = (node: OmnigateNode): Promise<Client> => connect({ url: node.addresses.oap?.url, retry: false });

async function ask(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { headers: { connection: 'close' } });
  return { status: response.status, text: await response.text() };
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A service whose only operation waits until the test lets it go. */
function slowService() {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const service = defineService({
    appProtoId: 40_000,
    name: 'slow',
    access: 'open',
    operations: {
      async 0(call) {
        const text = await call.text();
        await released;
        return `${text} at last`;
      },
    },
  });
  return { service, release };
}

await t.test('a node serves echo, says who it is, and goes', async (t) => {
  const { node, log, url, admin, data } = await startNode({ idleTimeoutMs: 7_000 });
  t.ok(isValid(node.id));
  t.ok(isValid(node.bootId));
  t.match(url, /^oap:\/\/127\.0\.0\.1:\d+$/);
  t.notOk(node.addresses.oaps);
  const client = await connectTo(node);
  t.equal(client.hello.server, `omnigate/${VERSION}`);
  t.equal(client.hello.idle_timeout_ms, 7_000);
  t.equal(textOf(await client.echo(bytes('hello'))), 'hello');
  t.equal((await ask(`${admin}/livez`)).status, 200);
  t.equal((await ask(`${admin}/readyz`)).status, 200);
  const metrics = (await ask(`${admin}/metrics`)).text;
  t.match(metrics, /^requests_total\{app="echo"\} 1$/m);
  t.match(metrics, /^connections 1$/m);
  t.match(metrics, /^storage_corrupt_blobs_total 0$/m);
  t.match(metrics, /^rejected_total\{reason="draining"\} 0$/m);
  t.notMatch(metrics, 'connect_failed', 'what only clients raise is no metric of a node');
  t.match(log.find(({ event }) => event === 'NodeStarted'), { node: node.id, boot: node.bootId, oap: url, admin, data });
  await client.close();
  await node[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  t.equal(log.filter(({ event }) => event === 'NodeStopped').length, 1);
  await t.rejects(connect({ url, retry: false }), { name: 'OapError', reason: 'connect_failed' });
  t.notOk(readdirSync(data).includes('node.lock'), 'the directory is free again');
});

await t.test('the same data directory is the same node, in another boot', async (t) => {
  const data = newData();
  const first = (await startNode({ data })).node;
  await t.rejects(startNode({ data }), { message: /in use by the node with pid/ });
  await first[Symbol.asyncDispose]();
  const second = (await startNode({ data })).node;
  t.equal(second.id, first.id);
  t.not(second.bootId, first.bootId);
  await second[Symbol.asyncDispose]();
});

await t.test('compression is offered unless it is off', async (t) => {
  for (const compression of [true, false]) {
    const { node } = await startNode({ compression });
    const client = await connect({ url: node.addresses.oap?.url, compression: true });
    t.equal((client.hello.supported_flags & 64) !== 0, compression);
    // Hexadecimal shrinks by half, which helps and stays under the ratio that a receiver accepts.
    const text = randomBytes(8_192).toString('hex');
    t.equal(textOf(await client.echo(bytes(text))), text);
    t.equal(node.metrics.bytesOut < text.length, compression, `${node.metrics.bytesOut} bytes left the node`);
    await client.close();
    await node[Symbol.asyncDispose]();
  }
});

await t.test('services start in order and stop in reverse', async (t) => {
  const steps: string[] = [];
  const named = (name: string, appProtoId: number): Service =>
    defineService({
      appProtoId,
      name,
      access: 'open',
      operations: { 0: () => name },
      start: () => void steps.push(`start ${name}`),
      stop: () => void steps.push(`stop ${name}`),
    });
  const { node } = await startNode({ services: [named('one', 40_001), named('two', 40_002)] });
  const client = await connectTo(node);
  t.equal(textOf((await client.request(40_002, 0)).payload), 'two');
  await client.close();
  await node[Symbol.asyncDispose]();
  t.same(steps, ['start one', 'start two', 'stop two', 'stop one']);
});

await t.test('a start that fails leaves nothing behind', async (t) => {
  const data = newData();
  const stopped: string[] = [];
  const good = defineService({ appProtoId: 40_001, name: 'good', operations: {}, stop: () => void stopped.push('good') });
  const bad = defineService({
    appProtoId: 40_002,
    name: 'bad',
    operations: {},
    start: () => {
      throw new Error('no licence');
    },
  });
  await t.rejects(startNode({ data, services: [good, bad] }), { message: 'no licence' });
  t.same(stopped, ['good']);
  const twice = defineService({ appProtoId: 1, name: 'twice', operations: {} });
  await t.rejects(startNode({ data, services: [twice] }), { message: /app_proto_id 1 is taken by service echo/ });
  const taken = createServer().listen(0, '127.0.0.1');
  await until(() => taken.listening, 'a taken port');
  const { port } = taken.address() as AddressInfo;
  const message = (flag: string): RegExp =>
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port} \\(EADDRINUSE\\): another program listens there; .* with ${flag}$`);
  await t.rejects(startNode({ data, oap: `127.0.0.1:${port}` }), { message: message('--oap') });
  await t.rejects(startNode({ data, admin: `127.0.0.1:${port}` }), { message: message('--admin') });
  await t.rejects(startNode({ data, oap: '192.0.2.1:0' }), { message: /EADDRNOTAVAIL.*no interface of this machine/ });
  const files = { oaps: '127.0.0.1:0', tlsCert: '/no/cert.pem', tlsKey: '/no/key.pem' };
  await t.rejects(startNode({ data, ...files }), { name: 'ConfigError', message: /TLS certificate \/no\/cert\.pem/ });
  taken.close();
  const { node } = await startNode({ data });
  t.ok(node, 'the directory was given back each time');
  await node[Symbol.asyncDispose]();
});

await t.test('a drain lets open requests finish and starts no others', async (t) => {
  const { service, release } = slowService();
  const { node, log, admin } = await startNode({ services: [service], drainAcceptMs: 2_000, drainTimeoutMs: 4_000 });
  const client = await connectTo(node);
  let goAway: unknown;
  client.onGoAway((message) => {
    goAway = message;
  });
  const pending = client.request(40_000, 0, bytes('answered'));
  await until(() => node.metrics.inflight === 1, 'the request is in flight');
  const drained = node.drain('maintenance');
  await until(() => goAway !== undefined, 'a GOAWAY');
  t.match(goAway, { reason: 'maintenance', drainMs: 4_000 });
  const readiness = await ask(`${admin}/readyz`);
  t.equal(readiness.status, 503);
  t.same(JSON.parse(readiness.text), { status: 'not_ready', reasons: [{ reason: 'draining' }] });
  t.equal((await ask(`${admin}/livez`)).status, 200);
  release();
  t.equal(textOf((await pending).payload), 'answered at last');
  await client.close();
  t.same(await drained, { complete: true });
  t.same(await node.drain(), { complete: true }, 'a second drain is the first');
  t.equal(node.metrics.connections, 0);
  t.match(log.find(({ event }) => event === 'NodeDraining'), { reason: 'maintenance', inflight: 1 });
  await t.rejects(ask(`${admin}/livez`), TypeError);
});

await t.test('a drain ends when its time is up, and at once when nobody is connected', async (t) => {
  const { service } = slowService();
  const { node } = await startNode({ services: [service], drainAcceptMs: 0, drainTimeoutMs: 300 });
  const client = await connectTo(node);
  const pending = t.rejects(client.request(40_000, 0), { name: 'OapError', reason: 'connection_lost' });
  await until(() => node.metrics.inflight === 1, 'the request is in flight');
  t.same(await node.drain(), { complete: false });
  await pending;
  await client.close();

  const idle = (await startNode()).node;
  const begun = performance.now();
  t.same(await idle.drain(), { complete: true });
  t.ok(performance.now() - begun < 1_000);
});

await t.test('a crashed service is started again while others go on', async (t) => {
  let starts = 0;
  const service = defineService({
    appProtoId: 40_003,
    name: 'fragile',
    access: 'open',
    operations: {
      0: () => 'fine',
      1: () => {
        throw new Error('a mistake with secrets in it');
      },
    },
    start: () => {
      starts++;
    },
  });
  const { node, log, admin } = await startNode({ services: [service] });
  const client = await connectTo(node);
  const crashed = await client.request(40_003, 1).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  t.match(crashed, { reason: 'internal', status: 500 });
  t.notMatch(crashed?.message, 'secrets', 'the cause stays in the log');
  await t.rejects(client.request(40_003, 0), { name: 'OapError', reason: 'service_unavailable', retryable: true });
  const readiness = await ask(`${admin}/readyz`);
  t.equal(readiness.status, 503);
  t.same(JSON.parse(readiness.text), { status: 'not_ready', reasons: [{ reason: 'service_unavailable', service: 'fragile' }] });
  t.equal(textOf(await client.echo(bytes('x'))), 'x', 'echo is not harmed');
  await until(async () => (await ask(`${admin}/readyz`)).status === 200, 'ready again');
  t.equal(starts, 2);
  t.equal(textOf((await client.request(40_003, 0)).payload), 'fine');
  const metrics = (await ask(`${admin}/metrics`)).text;
  t.match(metrics, /^rejected_total\{reason="service_crashed"\} 1$/m);
  t.match(metrics, /^rejected_total\{reason="internal"\} 1$/m);
  t.match(log.find(({ event }) => event === 'ServiceCrashed'), {
    level: 50,
    service: 'fragile',
    reason: /^(handler_threw|service_failed)$/,
    err: { message: 'a mistake with secrets in it' },
  });
  await client.request(40_003, 1).catch(() => undefined);
  const crashedMs = performance.now();
  await until(() => starts === 3, 'a third start');
  t.ok(performance.now() - crashedMs > 190, 'the second pause is longer');
  await client.close();
  await node[Symbol.asyncDispose]();
});

await t.test('connections beyond the limits are refused', async (t) => {
  const { node, url } = await startNode({ maxConnectionsPerAddress: 1 });
  const client = await connectTo(node);
  await t.rejects(connect({ url, retry: false, connectTimeoutMs: 1_000 }), { name: 'OapError', status: 503 });
  t.equal(node.metrics.rejected.get('conn_limit'), 1);
  await client.close();
  await node[Symbol.asyncDispose]();
});

await t.test('the admin port can be off', async (t) => {
  const { node } = await startNode({ admin: 'off' });
  t.notOk(node.addresses.admin);
  await node[Symbol.asyncDispose]();
});
