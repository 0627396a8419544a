import { writeFileSync } from 'node:fs';
import { startNode } from '@omnigate/harness';
import t from 'tap';
import { jsonOf, onTerminal, ronctl, textOf } from './run-ronctl.ts';
import type { Result } from './run-ronctl.ts';
import { mint, reasonOf, Stores, TENANT, verify } from './stores.ts';

const TOKEN = /^AgEIb21uaWdhdGU[\w-]+\n$/;

const stores = new Stores();
const { folder } = stores;
t.teardown(() => {
  stores[Symbol.dispose]();
});

await t.test('rotate keeps what was minted; its life belongs to the key', async (t) => {
  const data = await stores.create();
  const old = await mint(data);
  const before = jsonOf(await ronctl(['cap', 'list-keys', '--data', data, '--json'])) as { keys: { kid: string }[] };
  t.match(before, { keys: [{ state: 'next', ttl_max_ms: 3_600_000, created_at_ms: Number, retire_at_ms: null }, { state: 'active' }] });
  t.same(Object.keys(before.keys[0] ?? {}), ['kid', 'state', 'created_at_ms', 'ttl_max_ms', 'retire_at_ms']);
  const rotated = jsonOf(await ronctl(['cap', 'rotate', '--data', data, '--ttl-max', '8h', '--json'])) as { keys: Record<string, number>[] };
  t.match(rotated, { active: before.keys[0]?.kid, keys: [{ state: 'next', ttl_max_ms: 28_800_000 }, { state: 'active' }, { state: 'verify-only' }] });
  t.match(await ronctl(['cap', 'list-keys', '--data', data]), { code: 0, stdout: /^KEY +STATE +LONGEST LIFE +MADE +ENDS\n[0-9a-f]{16} +next +8h .*\n.* active +1h .*\n.* verify-only +1h +\S+Z +\S+Z\n$/ });
  t.equal(await reasonOf(verify(data, old)), 'valid', 'overlap');

  const long = ['cap', 'mint', '--data', data, '--tenant', TENANT, '--ttl', '8h'];
  const refused = await ronctl([...long, '--json']);
  t.equal(refused.code, 2);
  t.match(JSON.parse(refused.stderr), { error: { code: 'ttl_too_long', message: /--ttl is longer than the active key allows, which is 1h\./, fix: /rotate --help/ } });
  t.equal((await ronctl(['cap', 'rotate', '--data', data])).code, 0);
  t.match(textOf(await ronctl(long)), TOKEN);

  const { kid } = before.keys[1] ?? { kid: '' };
  const active = jsonOf(await ronctl(['cap', 'list-keys', '--data', data, '--json'])) as { keys: { kid: string }[] };
  t.match(await ronctl(['cap', 'revoke', '--data', data, '--key', active.keys[1]?.kid ?? '', '--yes']), { code: 2, stderr: /is active\. Rotate first/ });
  t.match(jsonOf(await ronctl(['cap', 'revoke', '--data', data, '--key', kid, '--yes', '--json'])), { kid, state: 'retired' });
  t.equal(await reasonOf(verify(data, old)), 'cap_kid');
});

await t.test('revoke ends a capability, or all of a tenant, and asks first', async (t) => {
  const data = await stores.create();
  const [first, second, third] = [await mint(data), await mint(data), await mint(data)];
  const { nonce } = jsonOf(await ronctl(['cap', 'inspect', '--json'], { env: { RON_CAP: first } })) as { nonce: string };
  const base = ['cap', 'revoke', '--data', data];
  t.match(await ronctl([...base, '--nonce', nonce]), { code: 2, stderr: /standard input is no terminal.*add --yes/ });
  for (const answer of ['n\r', '\r', '\u0004', '\u0003']) {
    const no = await onTerminal(answer, [...base, '--nonce', nonce]);
    t.equal(no.code, 1, JSON.stringify(answer));
    t.match(textOf(no), /Revoke the capability [0-9a-f]{32} and all that was made from it, for good\? \[y\/N\][^]*nothing was done/);
  }
  t.equal(await reasonOf(verify(data, first)), 'valid');
  t.equal((await onTerminal('y\r', [...base, '--nonce', nonce])).code, 0);
  t.equal(await reasonOf(verify(data, first)), 'cap_revoked');
  t.equal(await reasonOf(verify(data, second)), 'valid');

  // Given in each of the three ways, and narrowed before: the whole family goes.
  const child = textOf(await ronctl(['cap', 'attenuate', '--ttl', '1m'], { env: { RON_CAP: second } }));
  writeFileSync(folder.file('child'), child);
  t.match(jsonOf(await ronctl([...base, '--token-file', folder.file('child'), '--yes', '--json'])), { sequence: 2, nonce: /^[0-9a-f]{32}$/ });
  t.equal(await reasonOf(verify(data, second)), 'cap_revoked');
  t.match(jsonOf(await ronctl([...base, '-', '--yes', '--json'], { input: `${first}\n` })), { sequence: 3, nonce });

  const past = ['--tenant', TENANT, '--until', '2020-01-01T00:00:00Z', '--yes', '--json'];
  t.match(jsonOf(await ronctl([...base, ...past])), { sequence: 4, tenant: TENANT, issued_until_ms: 1_577_836_800_000 });
  t.equal(await reasonOf(verify(data, third)), 'valid', 'issued later');
  t.match(textOf(await ronctl([...base, '--tenant', TENANT, '--yes'])), /^Revoked all that tenant 0011\w+ was issued until now\.\n$/);
  t.equal(await reasonOf(verify(data, third)), 'cap_revoked');
  t.equal(await reasonOf(verify(data, await mint(data))), 'valid', 'a new one is not concerned');
});

await t.test('beside a running node, whose store it is', async (t) => {
  await using node = await startNode();
  const { data } = node;
  const [own, foreign] = [await mint(data, '--app', 'echo'), await mint(await stores.create())];
  const hello = (token: string): Promise<Result> => ronctl(['hello', node.oap.url, '--json'], { env: { RON_CAP: token } });
  t.match(await hello(own), { code: 0 });
  t.match(JSON.parse((await hello(foreign)).stderr), { error: { reason: 'cap_kid', status: 401 } });

  t.equal((await ronctl(['cap', 'revoke', '--data', data, '--yes'], { env: { RON_CAP: own } })).code, 0);
  // The node looks every 200 ms.
  let answer = await hello(own);
  for (let tries = 0; answer.code === 0 && tries < 20; tries++) answer = await hello(own);
  t.match(JSON.parse(answer.stderr), { error: { reason: 'cap_revoked', status: 401 } });
  t.match(answer, { code: 1 });

  const denials = textOf(await ronctl(['audit', 'tail', '--data', data, '--log', 'node', '--json'])).trim().split('\n');
  t.match(denials.map((line) => JSON.parse(line) as unknown), [{ event: 'denial', reason: 'cap_kid' }, { event: 'denial', reason: 'cap_revoked' }]);
  t.match(jsonOf(await ronctl(['audit', 'verify', '--data', data, '--json'])), { ok: true, logs: [{ log: 'node', ok: true }, { log: 'ronctl', lines: 2 }] });
});

// The last one: it looks at all that was written above.
await t.test('no key is ever shown, and no capability but by mint and attenuate', (t) => {
  t.ok(stores.secrets().length > 4);
  t.same(stores.leaks(), []);
  t.end();
});
