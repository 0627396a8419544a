import t from 'tap';
import type { OapError } from '@omnigate/kernel/wire';
import { connectFailure, foreignBytes, socketFailure } from '../src/connect-failure.ts';
import { DEFAULT_URL, resolveEndpoint } from '../src/endpoint.ts';
import { readConnectOptions, readRequestOptions, readTenant } from '../src/options.ts';

await t.test('URLs and their default ports', async (t) => {
  const cases: [string, string, number, string][] = [
    ['oap://127.0.0.1:1234', '127.0.0.1', 1234, 'oap://127.0.0.1:1234'],
    ['oap://node.example', 'node.example', 6270, 'oap://node.example:6270'],
    ['oaps://node.example', 'node.example', 6271, 'oaps://node.example:6271'],
    ['oaps://node.example:6270/', 'node.example', 6270, 'oaps://node.example:6270'],
    ['oap://[::1]:9', '::1', 9, 'oap://[::1]:9'],
    [DEFAULT_URL, '127.0.0.1', 6270, DEFAULT_URL],
  ];
  for (const [text, host, port, url] of cases) {
    const endpoint = await resolveEndpoint(text, undefined, {});
    t.match(endpoint, { host, port, url });
    t.equal(endpoint.tls !== undefined, text.startsWith('oaps'));
  }
  const { tls } = await resolveEndpoint('oaps://node.example', { servername: 'x' }, {});
  t.match(tls, { ALPNProtocols: ['oap/1'], servername: 'x' });
  await t.rejects(resolveEndpoint('oaps://node.example', { cert: 'no PEM', key: 'neither' }, {}), {
    name: 'OapError',
    reason: 'connect_failed',
    detail: { kind: 'tls_files' },
  });
});

await t.test('what is no node URL is refused by name, and shows no password', async (t) => {
  for (const text of ['', 'localhost:6270', 'http://localhost', 'oap://', 'oap://h/path', 'oap://h?x=1', 'oap://h#x', 'oap://h:0', 'oap://h:99999']) {
    await t.rejects(resolveEndpoint(text, undefined, {}), { name: 'OapError', reason: 'bad_url' }, text);
  }
  try {
    await resolveEndpoint('oap://me:hunter2@node.example', undefined, {});
    t.fail('a password in the URL was taken');
  } catch (error) {
    t.match(error, { reason: 'bad_url', message: /pass cap instead/ });
    t.notMatch((error as OapError).message, /hunter2/);
  }
  await t.rejects(resolveEndpoint('oap://h', { ca: 'PEM' }, {}), { reason: 'bad_url', message: /oaps/ });
});

await t.test('options: defaults, environment, and what is wrong with them', (t) => {
  const settings = readConnectOptions({}, { RON_NODE_URL: 'oap://env', RON_CAP: 'YWJj' });
  t.match(settings, { url: 'oap://env', compression: false, retry: { attempts: 4 }, terms: { deadlineMs: 30_000, retry: true } });
  t.same(settings.cap, Buffer.from('abc'));
  t.equal(readConnectOptions({}, { RON_NODE_URL: '', RON_CAP: '' }).url, DEFAULT_URL);
  t.equal(readConnectOptions({ url: 'oap://arg' }, { RON_NODE_URL: 'oap://env' }).url, 'oap://arg');
  t.equal(readConnectOptions({ retry: false }, {}).terms.retry, false);
  for (const wrong of [
    { deadlineMs: 0 },
    { deadlineMs: Number.NaN },
    { connectTimeoutMs: -1 },
    { tenant: '12' },
    { cap: '' },
    { cap: new Uint8Array(4_097) },
    { windowBytes: 1_023 },
    { windowBytes: 16_777_217 },
    { retry: { attempts: 0 } },
  ]) {
    t.throws(() => readConnectOptions(wrong, {}), TypeError, JSON.stringify(wrong));
  }
  const cap = new Uint8Array([1]);
  const copied = readConnectOptions({ cap }, {});
  cap[0] = 2;
  t.same(copied.cap, Buffer.from([1]), 'the caller may reuse its bytes');
  const terms = { ...settings.terms, tenant: readTenant() };
  t.equal(readRequestOptions({ idempotencyKey: 'k' }, terms).repeatable, true);
  t.equal(readRequestOptions({ idempotent: true }, terms).repeatable, true);
  t.equal(readRequestOptions({}, terms).repeatable, false);
  t.equal(readRequestOptions({}, { ...terms, repeatable: true }).repeatable, true, 'known of the operation');
  t.end();
});

await t.test('a failure is told by its code, also inside an AggregateError', (t) => {
  const refused = Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' });
  t.match(socketFailure('oap://x', new AggregateError([refused], '')), { reason: 'connect_failed', detail: { kind: 'refused' }, retryable: true });
  t.match(socketFailure('oap://x', new Error('who knows')), { reason: 'connect_failed', detail: { kind: 'other' }, message: /who knows/ });
  t.match(connectFailure('tls_ca', 'oaps://x', 'self-signed'), { retryable: false });
  t.match(foreignBytes('oap://x', Buffer.from([21, 3, 3, 0, 2])), { detail: { kind: 'is_tls' } });
  t.match(foreignBytes('oap://x', Buffer.from('HTTP/1.1 400')), { detail: { kind: 'not_oap' }, message: /HTTP/ });
  t.match(foreignBytes('oap://x', Buffer.from([0])), { detail: { kind: 'not_oap' } });
  t.end();
});
