import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Metrics, Reject } from '@omnigate/kernel';
import type { Route } from '@omnigate/kernel';
import t from 'tap';
import { AdminServer } from '../src/admin-server.ts';
import type { AdminSource } from '../src/admin-server.ts';
import type { AdmissionMetrics } from '../src/admission/admission-metrics.ts';
import { ADMIN_CONNECTIONS_MAX, ADMIN_HEADERS_TIMEOUT_MS, APP_CONCURRENCY_INITIAL } from '../src/limits.ts';
import type { NotReady } from '../src/readiness.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const route = (name: string, requests: number): Route => ({
  appProtoId: 300,
  name,
  access: 'open',
  borrowsPayload: false,
  facts: { verbs: {}, waiting: [], checksTopics: false },
  requestBytesMax: 1,
  available: true,
  requests,
});

const ADMISSION: AdmissionMetrics = {
  quotaExhaustions: { tenant: 1, app: 0, bytes: 3 },
  verificationsCached: 40,
  verificationsComputed: 2,
  revocationSequence: 9,
  shed: { connection: 1, event: 2, batch: 3, interactive: 4 },
  sheddingLevel: 2,
  appLimits: [{ name: 'echo', limit: 64, inflight: 5 }],
  accounts: 11,
};

const QUIET: AdminSource = {
  metrics: new Metrics(),
  routes: () => [],
  readiness: () => [],
  services: [
    { name: 'notes_kept', type: 'gauge', help: 'Notes.', read: () => undefined },
    { name: 'notes_total', type: 'counter', help: 'Notes ever.', read: () => 7 },
    { name: 'notes_seconds', type: 'histogram', help: 'Writing one.', bounds: [0.5, 1], read: () => ({ counts: [3, 0, 1], sum: 4.5 }) },
    { name: 'notes_read_seconds', type: 'histogram', help: 'Reading one.', bounds: [1], read: () => undefined },
  ],
  admission: () => ADMISSION,
  certificateExpiresAtMs: () => undefined,
};

async function start(reasons: NotReady[] = [], more: Partial<AdminSource> = {}) {
  const metrics = new Metrics();
  metrics.registerReasons(Object.values(Reject));
  const routes: Route[] = [];
  const admin = await AdminServer.listen(
    { host: '127.0.0.1', port: 0 },
    { ...QUIET, metrics, routes: () => routes, readiness: () => reasons, ...more },
  );
  const agent = new Agent({ keepAlive: true });
  const ask = (path: string, method = 'GET'): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ ...admin.address, path, method, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          });
        });
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  return { admin, metrics, routes, ask, agent };
}

/** Everything the server sends until it closes the connection. */
async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Samples by name with labels, as `rejected_total{reason="flood"}`. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

await t.test('livez and readyz', async (t) => {
  const reasons: NotReady[] = [];
  const { admin, ask } = await start(reasons);
  const live = await ask('/livez');
  t.equal(live.status, 200);
  t.match(live.headers['content-type'], /^application\/json/);
  t.same(JSON.parse(live.text), { status: 'live' });
  const ready = await ask('/readyz');
  t.equal(ready.status, 200);
  t.same(JSON.parse(ready.text), { status: 'ready' });

  reasons.push({ reason: 'draining' }, { reason: 'overload', causes: ['event_loop'] }, { reason: 'service_unavailable', service: 'echo' });
  const draining = await ask('/readyz');
  t.equal(draining.status, 503);
  t.match(draining.headers['retry-after'], /^[1-5]$/, 'whole seconds');
  t.equal(ready.headers['retry-after'], undefined);
  t.same(JSON.parse(draining.text), {
    status: 'not_ready',
    reasons: [{ reason: 'draining' }, { reason: 'overload', causes: ['event_loop'] }, { reason: 'service_unavailable', service: 'echo' }],
  });
  t.equal((await ask('/livez')).status, 200, 'a node that is not ready is alive all the same');
  await admin[Symbol.asyncDispose]();
});

await t.test('other paths and methods', async (t) => {
  const { admin, ask } = await start();
  const unknown = await ask('/');
  t.equal(unknown.status, 404);
  t.match(JSON.parse(unknown.text), { error: 'not_found', message: /\/livez, \/readyz or \/metrics/ });
  const posted = await ask('/readyz', 'POST');
  t.equal(posted.status, 405);
  t.equal(posted.headers.allow, 'GET, HEAD');
  t.match(JSON.parse(posted.text), { error: 'method_not_allowed' });
  const head = await ask('/metrics', 'HEAD');
  t.equal(head.status, 200);
  t.equal(head.text, '');
  t.ok(Number(head.headers['content-length']) > 1_000);
  t.equal((await ask('/livez?verbose')).status, 200, 'a query is no other path');
  t.equal((await ask('/livez/')).status, 404);
  t.equal((await ask('//livez')).status, 404);
  await admin[Symbol.asyncDispose]();
});

await t.test('metrics are the counters of the kernel at this moment', async (t) => {
  const { admin, metrics, routes, ask } = await start();
  routes.push(route('echo', 7), route('a"b\\c', 1));
  const before = samplesOf((await ask('/metrics')).text);
  for (const { reason } of Object.values(Reject)) {
    t.equal(before.get(`rejected_total{reason="${reason}"}`), 0, `${reason} is there before it happens`);
  }
  t.equal(before.get('requests_total{app="echo"}'), 7);
  t.equal(before.get('requests_total{app="a\\"b\\\\c"}'), 1);

  metrics.reject(Reject.flood);
  metrics.reject(Reject.flood);
  metrics.bytesIn = 2 ** 40;
  metrics.bytesOut = 5;
  metrics.glitches = 3;
  metrics.busDropped = 4;
  metrics.inflight = 6;
  metrics.connections = 8;
  metrics.latency.observe(0.000_2, 2);
  metrics.latency.observe(30);
  metrics.compRatio.observe(10);
  const answer = await ask('/metrics');
  t.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  const samples = samplesOf(answer.text);
  t.equal(samples.get('rejected_total{reason="flood"}'), 2);
  t.equal(samples.get('bytes_in_total'), 2 ** 40);
  t.equal(samples.get('bytes_out_total'), 5);
  t.equal(samples.get('glitches_total'), 3);
  t.equal(samples.get('bus_overflow_dropped_total'), 4);
  t.equal(samples.get('inflight'), 6);
  t.equal(samples.get('connections'), 8);
  t.equal(samples.get('notes_total'), 7, 'what a service counts');
  t.notOk(samples.has('notes_kept'), 'and has no figure of yet');
  const buckets = [...samples].filter(([name]) => name.startsWith('notes_seconds') || name.startsWith('notes_read'));
  t.same(Object.fromEntries(buckets), {
    'notes_seconds_bucket{le="0.5"}': 3, 'notes_seconds_bucket{le="1"}': 3, 'notes_seconds_bucket{le="+Inf"}': 4, notes_seconds_sum: 4.5, notes_seconds_count: 4,
    'notes_read_seconds_bucket{le="1"}': 0, 'notes_read_seconds_bucket{le="+Inf"}': 0, notes_read_seconds_sum: 0, notes_read_seconds_count: 0,
  });
  t.equal(samples.get('latency_seconds_bucket{le="0.0001"}'), 0);
  t.equal(samples.get('latency_seconds_bucket{le="0.00025"}'), 2, 'buckets are cumulative');
  t.equal(samples.get('latency_seconds_bucket{le="10"}'), 2);
  t.equal(samples.get('latency_seconds_bucket{le="+Inf"}'), 3);
  t.equal(samples.get('latency_seconds_count'), 3);
  t.equal(samples.get('latency_seconds_sum'), 30.0004);
  t.equal(samples.get('decompression_ratio_bucket{le="10"}'), 1);
  t.match(answer.text, /^# TYPE latency_seconds histogram$/m);
  t.match(answer.text, /^# TYPE rejected_total counter$/m);
  t.ok(samples.has('nodejs_eventloop_lag_p99_seconds'), 'the delay of the event loop');
  t.ok(samples.has('process_resident_memory_bytes'));
  const names = [...answer.text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  t.equal(new Set(names).size, names.length, 'no metric twice');
  const again = samplesOf((await ask('/metrics')).text);
  t.equal(again.get('rejected_total{reason="flood"}'), 2, 'to look is not to count');
  t.equal(again.get('bytes_out_total'), 5);
  t.equal(again.get('requests_total{app="echo"}'), 7);
  const own = (page: Map<string, number>): string[] => [...page.keys()].filter((key) => !/^(process|nodejs)_/.test(key));
  t.same(own(samples), own(before), 'traffic adds no series');
  await admin[Symbol.asyncDispose]();
});

await t.test('two nodes in one process have counters of their own', async (t) => {
  const [one, other] = [await start(), await start()];
  one.metrics.bytesIn = 1;
  other.metrics.bytesIn = 2;
  t.equal(samplesOf((await one.ask('/metrics')).text).get('bytes_in_total'), 1);
  t.equal(samplesOf((await other.ask('/metrics')).text).get('bytes_in_total'), 2);
  await one.admin[Symbol.asyncDispose]();
  await other.admin[Symbol.asyncDispose]();
});

await t.test('connections that waste the port', async (t) => {
  const { admin } = await start();
  const { host, port } = admin.address;
  const begun = performance.now();
  const slow = connect(port, host);
  slow.write('GET /livez HTTP/1.1\r\nhost: x\r\n');
  const trickle = setInterval(() => slow.write('x-a: b\r\n'), 200);
  const silent = connect(port, host);
  const giant = connect(port, host);
  giant.write(`GET /livez HTTP/1.1\r\nhost: x\r\nx-a: ${'a'.repeat(64 * 1024)}\r\n\r\n`);
  t.match(await readAll(giant), /^HTTP\/1\.1 431 /, 'giant headers are refused');
  await Promise.all([readAll(slow).then((text) => t.match(text, /^HTTP\/1\.1 408 /)), readAll(silent)]);
  clearInterval(trickle);
  const seconds = (performance.now() - begun) / 1_000;
  t.ok(seconds >= ADMIN_HEADERS_TIMEOUT_MS / 1_000 - 0.1 && seconds < ADMIN_HEADERS_TIMEOUT_MS / 1_000 + 3, `closed after ${seconds} s`);

  const sockets = Array.from({ length: ADMIN_CONNECTIONS_MAX }, () => connect(port, host));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const beyond = connect(port, host);
  t.equal(await readAll(beyond), '', 'one more is closed without a word');
  for (const socket of sockets) socket.destroy();
  await admin[Symbol.asyncDispose]();
});

await t.test('connections do not hold up the end', async (t) => {
  const { admin, ask, agent } = await start();
  const half = connect(admin.address.port, admin.address.host);
  await once(half, 'connect');
  const closed = readAll(half);
  half.write('GET /livez HTTP/1.1\r\n');
  await ask('/livez');
  t.equal(Object.values(agent.freeSockets).flat().length, 1, 'the connection is kept');
  const begun = performance.now();
  await admin[Symbol.asyncDispose]();
  await closed;
  t.ok(performance.now() - begun < 1_000, 'neither one that is kept nor half a request');
  await t.rejects(ask('/livez'), /ECONNREFUSED|ECONNRESET|socket hang up/);
});

await t.test('metrics of admission and of the certificate', async (t) => {
  let expiresAtMs: number | undefined = 1_800_000_000_500;
  const { admin, routes, ask } = await start([], { certificateExpiresAtMs: () => expiresAtMs });
  routes.push(route('echo', 7), route('idle', 0));
  const samples = samplesOf((await ask('/metrics')).text);
  const expected = {
    'quota_exhaustions_total{quota="tenant"}': 1,
    'quota_exhaustions_total{quota="app"}': 0,
    'quota_exhaustions_total{quota="bytes"}': 3,
    quota_accounts: 11,
    'capability_verifications_total{result="cached"}': 40,
    'capability_verifications_total{result="computed"}': 2,
    revocation_sequence: 9,
    'shed_total{kind="connection"}': 1,
    'shed_total{kind="interactive"}': 4,
    shedding_level: 2,
    'app_inflight{app="echo"}': 5,
    'app_inflight{app="idle"}': 0,
    'app_inflight_limit{app="echo"}': 64,
    'app_inflight_limit{app="idle"}': APP_CONCURRENCY_INITIAL,
    tls_certificate_expiry_timestamp_seconds: 1_800_000_000.5,
  };
  for (const [name, value] of Object.entries(expected)) t.equal(samples.get(name), value, name);
  expiresAtMs = undefined;
  t.notOk(samplesOf((await ask('/metrics')).text).has('tls_certificate_expiry_timestamp_seconds'), 'no TLS, no date');
  await admin[Symbol.asyncDispose]();
});

await t.test('an address that is taken', async (t) => {
  const { admin } = await start();
  await t.rejects(AdminServer.listen(admin.address, QUIET), { code: 'EADDRINUSE' });
  await admin[Symbol.asyncDispose]();
});
