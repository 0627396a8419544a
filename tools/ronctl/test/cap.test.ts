import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { attenuateCapability, tokenFromText, tokenToText } from '@omnigate/capability';
import { CertificateAuthority } from '@omnigate/harness';
import t from 'tap';
import { jsonOf, ronctl, run, RONCTL, textOf } from './run-ronctl.ts';
import type { Result } from './run-ronctl.ts';
import { mint, OTHER_TENANT, storeFile, Stores, TENANT, verify } from './stores.ts';

const TOKEN = /^AgEIb21uaWdhdGU[\w-]+\n$/;

const stores = new Stores();
t.teardown(() => {
  stores[Symbol.dispose]();
});

await t.test('mint, verify, attenuate, inspect, revoke, verify', async (t) => {
  const data = await stores.create();
  // As a person types it, in one shell.
  const script = `ronctl() { ${process.execPath} ${RONCTL} "$@"; }; set -e; cd "$0"
    export OMNIGATE_DATA="$0"; export RON_CAP=$(ronctl cap mint --tenant ${TENANT} --app mailbox,storage --verb send,recv --prefix orders/ --ttl 5m)
    ronctl cap verify; ronctl cap verify --app mailbox --verb send --topic orders/1
    export RON_CAP=$(ronctl cap attenuate --verb recv)
    ronctl cap inspect; ronctl cap revoke --yes; ronctl cap verify`;
  const whole = await run('sh', ['-c', script, data]);
  t.equal(whole.code, 1);
  t.match(textOf(whole), /^valid +yes\n[^]*^valid +yes, and it allows this request\n[^]*^signature +not checked\n[^]*^ {2}verb=recv,send\n[^]*^ {2}verb=recv\nRevoked /m);
  t.match(whole.stderr, /^ronctl: refused with cap_revoked: The capability was revoked\. See "ronctl audit tail"/);

  const minted = await ronctl(['cap', 'mint', '--data', data, '--tenant', TENANT]);
  t.match(minted, { code: 0, stderr: '' });
  t.match(textOf(minted), TOKEN, 'nothing but the token');
  const json = jsonOf(await ronctl(['cap', 'mint', '--data', data, '--tenant', TENANT, '--ttl', '90s', '--json'])) as Record<string, number>;
  t.match(json, { token: /^AgEI/, kid: /^[0-9a-f]{16}$/, nonce: /^[0-9a-f]{32}$/, tenant: TENANT, caveats: [`tenant=${TENANT}`, /^exp=\d+$/] });
  t.equal((json['expires_at_ms'] ?? 0) - (json['issued_at_ms'] ?? 0), 90_000);
  for (const name of ['keyring.json', 'revocations.json', 'audit.key']) t.equal(statSync(storeFile(data, name)).mode & 0o777, 0o600, name);
});

await t.test('every restriction can be asked for, when minting and later', async (t) => {
  const data = await stores.create();
  const authority = new CertificateAuthority();
  t.teardown(() => {
    authority[Symbol.dispose]();
  });
  const { cert } = authority.issue('client');
  const openssl = spawnSync('openssl', ['x509', '-in', cert, '-noout', '-fingerprint', '-sha256'], { encoding: 'utf8' }).stdout;
  const fingerprint = openssl.slice(openssl.indexOf('=') + 1).trim();
  const binding = Buffer.alloc(32, 1).toString('base64url');
  const options = [
    ['--not-before', '2030-01-31T08:00:00Z'], ['--app', 'Mailbox,40000', '--app', 'echo'], ['--verb', 'SEND,recv,7'], ['--prefix', 'orders/,a/b'],
    ['--ip', '192.0.2.7,2001:db8::/32'], ['--node', 'node-a'], ['--audience', 'prod'], ['--rate', 'batch'], ['--max-bytes', '65536'],
    ['--max-inflight', '0'], ['--channel-binding', binding], ['--client-cert', fingerprint],
  ].flat();
  const caveats = [
    'nbf=1896076800000', 'app=1,16,40000', 'verb=7,recv,send', 'prefix=a/b,orders/', 'ip=192.0.2.7/32,2001:db8::/32', 'node=node-a', 'aud=prod',
    'rate=batch', 'max_bytes=65536', 'max_inflight=0', `tls=${binding}`, `cert=${fingerprint.replaceAll(':', '').toLowerCase()}`,
  ];
  const minted = jsonOf(await ronctl(['cap', 'mint', '--data', data, '--tenant', TENANT.toUpperCase(), '--json', ...options])) as { caveats: string[]; token: string };
  t.same(minted.caveats.filter((caveat) => !caveat.startsWith('exp=')), [`tenant=${TENANT}`, ...caveats]);
  const env = { RON_CAP: await mint(data) };
  const attenuated = jsonOf(await ronctl(['cap', 'attenuate', '--json', '--ttl', '1m', ...options, '--client-cert', cert], { env })) as { caveats: string[] };
  t.match(attenuated.caveats, [`tenant=${TENANT}`, /^exp=/, /^exp=/, ...caveats], 'also from the certificate itself');

  const inspected = await ronctl(['cap', 'inspect'], { env: { RON_CAP: minted.token } });
  t.match(textOf(inspected), /^signature +not checked\ntenant +0011[^]*^ {2}nbf=1896076800000 {2}\(2030-01-31T08:00:00\.000Z\)\n {2}app=1,16,40000 {2}\(1 \(echo\), 16 \(mailbox\), 40000\)$/m);
  t.same(Object.keys(jsonOf(await ronctl(['cap', 'inspect', '--json'], { env })) as object), [
    'verified', 'bytes', 'kid', 'nonce', 'tenant', 'issued_at_ms', 'expires_at_ms', 'caveats', 'unknown_caveats',
  ]);
});

await t.test('verify says yes, or why not in the words of the protocol', async (t) => {
  const [data, elsewhere] = await Promise.all([stores.create(), stores.create()]);
  const plain = await mint(data);
  const narrow = await mint(data, '--app', 'mailbox', '--verb', 'send', '--prefix', 'orders/', '--max-bytes', '100');
  const bound = await mint(data, '--ip', '192.0.2.0/24', '--node', 'a', '--audience', 'prod');
  const flipped = tokenFromText(plain);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const expired = tokenToText(attenuateCapability(tokenFromText(plain), { expiresAtMs: 1 }));
  const request = ['--app', 'mailbox', '--verb', 'send'];
  const known = ['--app', '16', '--verb', 'SEND', '--topic', 'orders/1'];
  const cases: [string, string[], string][] = [
    [plain, [], 'valid'],
    [plain, request, 'valid'],
    [plain, [...request, '--tenant', OTHER_TENANT], 'tenant_mismatch'],
    [narrow, known, 'valid'],
    [narrow, [...known, '--bytes', '100'], 'valid'],
    [narrow, [...known, '--bytes', '101'], 'cap_scope'],
    [narrow, request, 'cap_scope'],
    [narrow, ['--app', 'storage', '--verb', 'send', '--topic', 'orders/1'], 'cap_scope'],
    [narrow, ['--app', 'mailbox', '--verb', 'recv', '--topic', 'orders/1'], 'cap_scope'],
    [narrow, [...request, '--topic', 'ordersX'], 'cap_scope'],
    [bound, [], 'valid'],
    [bound, [...request, '--ip', '192.0.2.9', '--node', 'a', '--audience', 'prod'], 'valid'],
    [bound, [...request, '--ip', '192.0.3.9', '--node', 'a', '--audience', 'prod'], 'cap_binding'],
    [bound, request, 'cap_binding'],
    [await mint(data, '--app', 'echo', '--verb', '0'), ['--app', 'echo', '--verb', 'echo'], 'valid'],
    [await mint(data, '--app', 'echo', '--verb', 'echo'), ['--app', '1', '--verb', '0'], 'valid'],
    [await mint(data, '--not-before', '30m'), [], 'cap_not_yet'],
    [expired, [], 'cap_expired'],
    [tokenToText(flipped), [], 'cap_invalid'],
    [await mint(elsewhere), [], 'cap_kid'],
    ['bm9uZQ', [], 'cap_malformed'],
    ['%', [], 'cap_malformed'],
  ];
  const results = await Promise.all(cases.map(([token, args]) => verify(data, token, ...args)));
  for (const [index, [, args, expected]] of cases.entries()) {
    const result = results[index] as Result;
    const answer = jsonOf(result) as Record<string, unknown>;
    t.equal(answer['reason'] ?? 'valid', expected, `${expected}: ${args.join(' ')}`);
    t.match(result, { code: expected === 'valid' ? 0 : 1, stderr: '' });
    if (expected === 'valid') t.match(answer, { valid: true, request: args.length > 0, tenant: TENANT, expires_at_ms: Number, nonce: String });
    else t.match(answer, { valid: false, detail: /\.$/, fix: /\.$/ });
  }
  t.match(await ronctl(['cap', 'verify', '--data', data], { env: { RON_CAP: expired } }), { code: 1, stderr: /^ronctl: refused with cap_expired: / });
});

const python = ['/usr/bin/python3', 'python3'].find((command) => spawnSync(command, ['-c', 'import pymacaroons']).status === 0);
const interop = python === undefined ? { skip: 'PYMACAROONS IS NOT HERE: nothing was compared with it; apt-get install python3-pymacaroons' } : {};
if (python === undefined) t.comment(interop.skip);

await t.test('a capability is accepted by an implementation of other people', interop, async (t) => {
  const data = await stores.create();
  const minted = jsonOf(await ronctl(['cap', 'mint', '--data', data, '--tenant', TENANT, '--app', 'mailbox', '--json'])) as { token: string; kid: string; caveats: string[] };
  const { keys } = JSON.parse(readFileSync(storeFile(data, 'keyring.json'), 'utf8')) as { keys: { kid: string; secret: string }[] };
  const key = Buffer.from(keys.find(({ kid }) => kid === minted.kid)?.secret ?? '', 'base64url');
  const script = `
import json, sys
from pymacaroons import Macaroon, Verifier
job = json.load(sys.stdin)
verifier = Verifier()
for caveat in job["caveats"]:
    verifier.satisfy_exact(caveat)
print(verifier.verify(Macaroon.deserialize(job["token"]), bytes.fromhex(job["key"])))
`;
  const ask = (caveats: string[]) => spawnSync(python ?? '', ['-W', 'ignore', '-c', script], { input: JSON.stringify({ ...minted, caveats, key: key.toString('hex') }), encoding: 'utf8' });
  t.match(ask(minted.caveats), { status: 0, stdout: 'True\n' });
  t.not(ask(minted.caveats.slice(1)).stdout, 'True\n', 'and not without its tenant');
});

// The last one: it looks at all that was written above.
await t.test('no key is ever shown, and no capability but by mint and attenuate', (t) => {
  t.ok(stores.secrets().length > 4);
  t.same(stores.leaks(), []);
  t.end();
});
