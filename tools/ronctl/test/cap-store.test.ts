import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { jsonOf, onTerminal, ronctl, textOf } from './run-ronctl.ts';
import { mint, reasonOf, storeFile, Stores, TENANT, verify } from './stores.ts';

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

await t.test('a store that is not private, not whole or not there is refused', async (t) => {
  const data = await stores.create();
  const token = await mint(data);
  const look = ['cap', 'list-keys', '--data', data];
  const make = ['cap', 'mint', '--data', data, '--tenant', TENANT];
  const spoil = async (name: string, mode: number, args: string[], complaint: RegExp): Promise<void> => {
    const path = name === '' ? join(data, 'capability') : storeFile(data, name);
    const { mode: before } = statSync(path);
    chmodSync(path, mode);
    const [text, json] = await Promise.all([ronctl(args), ronctl([...args, '--json'])]);
    chmodSync(path, before);
    t.match(text, { code: 4, stderr: complaint }, `${name} ${mode.toString(8)}`);
    t.match(JSON.parse(json.stderr), { error: { code: 'file_mode', fix: /chmod/, message: complaint } });
    t.equal(text.stdout.length + json.stdout.length, 0);
  };
  for (const mode of [0o640, 0o604, 0o666]) await spoil('keyring.json', mode, look, /Others may read or write .*keyring\.json\. Run "chmod 600 /);
  await spoil('revocations.json', 0o644, look, /revocations\.json/);
  await spoil('audit.key', 0o644, make, /audit\.key/);
  await spoil('', 0o777, look, /Others may change files in .*\. Run "chmod 700 /);
  t.equal(await reasonOf(verify(data, token)), 'valid', 'and used again once it is private');

  writeFileSync(storeFile(data, 'keyring.json'), '{"keys": "SECRET"}');
  const damaged = await ronctl(look);
  t.match(damaged, { code: 4, stderr: /keyring\.json is not what was written: .* Restore the file from a backup/ });
  t.notMatch(damaged.stderr, 'SECRET');

  const nowhere = folder.file('nowhere');
  const absent = await Promise.all(
    [['mint', '--tenant', TENANT], ['list-keys'], ['rotate'], ['revoke', '--nonce', TENANT, '--yes'], ['verify']].map(([command = '', ...args]) =>
      ronctl(['cap', command, '--data', nowhere, ...args], { env: { RON_CAP: token } }),
    ),
  );
  for (const result of absent) t.match(result, { code: 4, stderr: /^ronctl: There is no capability store in .*nowhere.capability\. Start the node once with this data directory, name another one with --data, or make a store/ });
});

await t.test('errors name the fix', async (t) => {
  const data = await stores.create();
  const env = { RON_CAP: await mint(data), OMNIGATE_DATA: data };
  const mintArgs = ['cap', 'mint', '--tenant', TENANT];
  const cases: [string[], number, RegExp][] = [
    [['cap'], 2, /Usage: ronctl cap/],
    [['cap', 'make'], 2, /unknown command 'make'/],
    [['cap', 'mint'], 2, /required option '--tenant <hex>'/],
    [['cap', 'mint', '--tenant', 'me'], 2, /It must be 32 hex digits/],
    [['cap', 'mint', '--tenant', '0'.repeat(32)], 2, /All zeros and all ones are no tenant\. Choose another/],
    [[...mintArgs, '--ttl', '5'], 2, /Write a number and s, m, h or d, such as 90s, 5m or 1h/],
    [[...mintArgs, '--ttl', '61m'], 2, /which is 1h\. Ask for a shorter life/],
    [[...mintArgs, '--app', 'mailbx'], 2, /Name applications as echo, mailbox, storage, or by number from 1 to 65535/],
    [[...mintArgs, '--app', '65536'], 2, /by number from 1 to 65535/],
    [[...mintArgs, '--verb', 'send,,recv'], 2, /Separate entries by one comma/],
    [[...mintArgs, '--verb', 'se nd'], 2, /Write operations by their lower-case names/],
    [[...mintArgs, '--prefix', '../x'], 2, /Write prefixes as segments joined by/],
    [[...mintArgs, '--ip', '192.0.2.7/24'], 2, /Write networks as/],
    [[...mintArgs, '--not-before', 'soon'], 2, /Write a moment such as/],
    [[...mintArgs, '--max-bytes', '-1'], 2, /It must be a whole number/],
    [[...mintArgs, '--client-cert', folder.file('absent')], 2, /or a PEM file with the certificate/],
    [[...mintArgs, '--channel-binding', 'x'], 2, /Give the 32 bytes of the exporter value/],
    [['cap', 'attenuate'], 2, /no restriction was given; add one/],
    [['cap', 'verify', '--topic', 'orders/1'], 2, /add --app and --verb/],
    [['cap', 'verify', '--app', 'echo', '--verb', '?'], 2, /--verb is one operation/],
    [['cap', 'verify', '--app', 'echo', '--verb', 'echo', '--ip', 'here'], 2, /--ip is no address; write one such as/],
    [['cap', 'rotate', '--ttl-max', '32d'], 2, /at most 2678400000 ms \(31 days\)/],
    [['cap', 'revoke', '--nonce', 'x', '--yes'], 2, /That is no nonce\. Copy the 32 hex digits/],
    [['cap', 'revoke', '--nonce', TENANT, '--tenant', TENANT], 2, /revoke one thing at a time/],
    [['cap', 'revoke', '--nonce', TENANT, '-'], 2, /revoke one thing at a time/],
    [['cap', 'revoke', '--until', '2026-01-01T00:00:00Z'], 2, /--until belongs to --tenant/],
    [['cap', 'revoke', '--tenant', TENANT, '--until', '2126-01-01T00:00:00Z', '--yes'], 2, /Name a moment in the past/],
    [['cap', 'revoke', '--key', '0123456789abcdef', '--yes'], 2, /List the keys and name one/],
  ];
  const results = await Promise.all(cases.map(([args]) => ronctl(args, { env })));
  for (const [index, [args, code, complaint]] of cases.entries()) {
    t.match(results[index], { code, stderr: complaint }, args.join(' '));
    t.equal(results[index]?.stdout.length, 0);
  }
});

// The last one: it looks at all that was written above.
await t.test('no key is ever shown, and no capability but by mint and attenuate', (t) => {
  t.ok(stores.secrets().length > 4);
  t.same(stores.leaks(), []);
  t.end();
});
