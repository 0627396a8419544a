import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ronctl } from './run-ronctl.ts';
import { mint, reasonOf, storeFile, Stores, TENANT, verify } from './stores.ts';

const stores = new Stores();
const { folder } = stores;
t.teardown(() => {
  stores[Symbol.dispose]();
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
