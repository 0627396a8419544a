import { spawn } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnvironment } from '@omnigate/harness';
import t from 'tap';
import { jsonOf, ronctl, RONCTL, textOf } from './run-ronctl.ts';
import { mint, storeFile, Stores, TENANT } from './stores.ts';

const stores = new Stores();
const { folder } = stores;
t.teardown(() => {
  stores[Symbol.dispose]();
});

const LOG = 'audit/ronctl.0000000000000001.jsonl';
const data = await stores.create();
for (let n = 2; n <= 4; n++) await mint(data, '--app', 'mailbox');
await ronctl(['cap', 'rotate', '--data', data]);

await t.test('an untouched log is all right', async (t) => {
  const [text, json] = await Promise.all([ronctl(['audit', 'verify', '--data', data]), ronctl(['audit', 'verify', '--data', data, '--json'])]);
  t.match(text, { code: 0, stderr: '' });
  const { mac } = JSON.parse(readFileSync(storeFile(data, LOG), 'utf8').trim().split('\n').at(-1) ?? '') as { mac: string };
  t.equal(textOf(text), `ronctl: 5 records, all right; the last one is 5, MAC ${mac}\n`);
  t.same(jsonOf(json), { ok: true, logs: [{ log: 'ronctl', ok: true, lines: 5, count: 5, mac, fault: null, torn: null }] });
});

await t.test('a line that was changed, dropped, moved, repeated or cut off is found', async (t) => {
  const [one = '', two = '', three = '', four = '', five = ''] = readFileSync(storeFile(data, LOG), 'utf8').trim().split('\n');
  const cases: [string, string[], number | null][] = [
    ['changed', [one, two.replace('"app=16"', '"app=17"'), three, four, five], 2],
    ['changed', ['', one, two, three, four, five], 1],
    ['dropped', [one, three, four, five], 2],
    ['dropped', [two, three, four, five], 1],
    ['reordered', [one, three, two, four, five], 2],
    ['repeated', [one, two, two, three, four, five], 3],
    ['truncated', [one, two, three, four], null],
  ];
  for (const [index, [kind, lines, line]] of cases.entries()) {
    const touched = folder.file(`touched-${index}`);
    cpSync(data, touched, { recursive: true });
    const path = storeFile(touched, LOG);
    writeFileSync(path, lines.map((text) => `${text}\n`).join(''));
    const [text, json] = await Promise.all([ronctl(['audit', 'verify', '--data', touched]), ronctl(['audit', 'verify', '--data', touched, '--json'])]);
    t.match(text, { code: 1, stderr: /^ronctl: somebody touched ronctl; find out who, and keep the folder .* as evidence\n$/ }, kind);
    t.ok(textOf(text).startsWith(`ronctl: ${kind}: ${line === null ? '' : `${path}:${line}: `}`), textOf(text));
    t.match(json, { code: 1, stderr: '' });
    t.match(jsonOf(json), { ok: false, logs: [{ log: 'ronctl', ok: false, fault: { kind, file: line === null ? null : path, line, message: /\.$/ } }] });
  }
});

await t.test('a head or a whole log that is gone is found, a crash is none', async (t) => {
  const touched = folder.file('beheaded');
  cpSync(data, touched, { recursive: true });
  rmSync(storeFile(touched, 'audit/ronctl.head.json'));
  t.match(await ronctl(['audit', 'verify', '--data', touched]), { code: 1, stdout: /^ronctl: head_missing: / });
  rmSync(storeFile(touched, 'audit'), { recursive: true });
  t.match(await ronctl(['audit', 'verify', '--data', touched]), { code: 1, stderr: /is gone, and all audit logs with it; find out who removed it/ });
  t.match(await ronctl(['audit', 'verify', '--data', folder.file('nowhere')]), { code: 4, stderr: /There is no capability store in/ });
  t.match(await ronctl(['audit', 'tail', '--data', folder.file('nowhere')]), { code: 4, stderr: /There is no capability store in/ });

  const crashed = folder.file('crashed');
  cpSync(data, crashed, { recursive: true });
  writeFileSync(storeFile(crashed, LOG), '{"n":6,"at_', { flag: 'a' });
  t.match(await ronctl(['audit', 'verify', '--data', crashed]), { code: 0, stdout: /5 records, all right, and 11 bytes of a line that a crash cut off/ });
  await mint(crashed);
  t.match(jsonOf(await ronctl(['audit', 'verify', '--data', crashed, '--json'])), { ok: true, logs: [{ lines: 7, torn: null }] });

  // A log that is shorter than its head says is not written on.
  writeFileSync(storeFile(crashed, LOG), '');
  t.match(await ronctl(['cap', 'mint', '--data', crashed, '--tenant', TENANT]), { code: 4, stderr: /is shorter than its head says\. Find out who shortened it/ });
  t.equal((await ronctl(['cap', 'list-keys', '--data', crashed])).code, 0, 'and hinders nobody from looking');
});

await t.test('tail shows the last records', async (t) => {
  const all = textOf(await ronctl(['audit', 'tail', '--data', data])).trim().split('\n');
  t.equal(all.length, 5);
  t.match(all[1], /^\d{4}-\S+Z ronctl 2 mint kid=[0-9a-f]{16} nonce=[0-9a-f]{32} tenant=0011\w+ expires_at_ms=\d+ caveats=\["tenant=0011\w+","exp=\d+","app=16"\]$/);
  t.match(all[4], / ronctl 5 rotate kid=[0-9a-f]{16}$/);
  t.same(textOf(await ronctl(['audit', 'tail', '--data', data, '-n', '2'])).trim().split('\n'), all.slice(-2));
  const json = textOf(await ronctl(['audit', 'tail', '--data', data, '-n', '1', '--log', 'ronctl', '--json']));
  t.match(JSON.parse(json), { log: 'ronctl', n: 5, event: 'rotate', at_ms: Number, mac: String });
  t.match(await ronctl(['audit', 'tail', '--data', data, '--log', 'nodes']), { code: 2, stderr: /no audit log of that name; there are: ronctl/ });
  t.match(await ronctl(['audit', 'tail', '--data', data, '-n', '0']), { code: 2, stderr: /above zero/ });
  t.match(await ronctl(['audit', 'tail', '--data', data, '-n', '10001']), { code: 2, stderr: /at most 10000; read the files for more/ });

  const touched = folder.file('junk');
  cpSync(data, touched, { recursive: true });
  writeFileSync(storeFile(touched, LOG), 'junk \u001b[2J\n{"n":7,"at_ms":1,"event":"x","peer":"\u009b2J\\u001b"}\n', { flag: 'a' });
  const shown = await ronctl(['audit', 'tail', '--data', touched, '--json']);
  t.equal(shown.code, 0);
  t.match(textOf(await ronctl(['audit', 'tail', '--data', touched])), 'ronctl: not a record: junk \\u001b[2J\n');
  t.notMatch(textOf(shown) + textOf(await ronctl(['audit', 'tail', '--data', touched])), /[^\n\x20-\x7e]/, 'nothing that steers a terminal');
});

await t.test('tail follows', async (t) => {
  const child = spawn(process.execPath, [RONCTL, 'audit', 'tail', '--data', data, '-n', '1', '--follow', '--json'], { env: cleanEnvironment() });
  t.teardown(() => child.kill('SIGKILL'));
  const seen: { log: string; n: number; event: string }[] = [];
  let rest = '';
  let wake = (): void => undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    seen.push(...lines.map((line) => JSON.parse(line) as { log: string; n: number; event: string }));
    wake();
  });
  const has = async (count: number): Promise<void> => {
    while (seen.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  await has(1);
  await mint(data);
  await has(2);
  await ronctl(['cap', 'revoke', '--data', data, '--nonce', TENANT, '--yes']);
  await has(3);
  // A log that appears later is followed from its beginning.
  const [line = ''] = readFileSync(storeFile(data, LOG), 'utf8').split('\n');
  writeFileSync(join(storeFile(data, 'audit'), 'node.0000000000000001.jsonl'), `${line}\n`, { mode: 0o600 });
  await has(4);
  rmSync(join(storeFile(data, 'audit'), 'node.0000000000000001.jsonl'));
  t.match(seen, [{ n: 5, event: 'rotate' }, { n: 6, event: 'mint' }, { n: 7, event: 'revoke' }, { log: 'node', n: 1 }]);
  child.kill('SIGINT');
});

await t.test('no key and no capability is in what was shown', (t) => {
  t.same(stores.leaks(), []);
  t.equal(readdirSync(storeFile(data, 'audit')).length, 2);
  t.end();
});
