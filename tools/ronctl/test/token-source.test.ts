import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tokenFromText } from '@omnigate/capability';
import t from 'tap';
import { jsonOf, ronctl, written } from './run-ronctl.ts';
import type { Result, RunOptions } from './run-ronctl.ts';
import { mint, Stores, TENANT } from './stores.ts';

const stores = new Stores();
const { folder } = stores;
t.teardown(() => {
  stores[Symbol.dispose]();
});

await t.test('a capability on the command line is refused, and not repeated', async (t) => {
  const data = await stores.create();
  const token = await mint(data);
  const calls = [
    ['cap', 'verify', token], ['cap', 'inspect', token], ['cap', 'attenuate', '--ttl', '1m', token], ['cap', 'revoke', token, '--yes'],
    ['cap', 'verify', `--token-file=${token}`], ['cap', 'verify', '--cap', token], ['cap', token], [token], ['echo', token], ['hello', `oap://${token}@127.0.0.1`],
  ];
  for (const result of await Promise.all(calls.map((args) => ronctl(args)))) {
    t.match(result, { code: 2, stderr: /^ronctl: a capability was given on the command line, where others can see it; put it into RON_CAP/ });
    t.equal(result.stdout.length, 0);
    t.notMatch(result.stderr, token.slice(0, 15));
  }
  t.match(await ronctl(['cap', 'inspect', 'what']), { code: 2, stderr: /the only argument is -, for standard input/ });
  t.notOk(written.some((text) => text !== `${token}\n` && text.includes(token)), 'only mint ever wrote it');
});

await t.test('where a capability comes from', async (t) => {
  const data = await stores.create();
  const token = await mint(data);
  const file = folder.file('token');
  writeFileSync(file, ` ${token}\r\n`);
  writeFileSync(folder.file('big'), 'A'.repeat(8_193));
  const inspect = async (args: string[], options: RunOptions = {}): Promise<Result> => ronctl(['cap', 'inspect', '--json', ...args], options);
  const given = [inspect([], { env: { RON_CAP: token } }), inspect(['--token-file', file], { env: { RON_CAP: 'x' } }), inspect(['-'], { input: token, env: { RON_CAP: 'x' } })];
  for (const result of await Promise.all(given)) t.match(jsonOf(result), { verified: false, tenant: TENANT });
  const cases: [string[], RunOptions, RegExp][] = [
    [[], {}, /no capability; set RON_CAP, name a file with --token-file, or give it on standard input with -/],
    [[], { env: { RON_CAP: token.slice(1) } }, /RON_CAP holds no capability\. .* Copy the whole token/],
    [[], { env: { RON_CAP: `${token}!` } }, /RON_CAP holds no capability\. The text is not base64url/],
    [['-'], { input: '' }, /Standard input holds no capability/],
    [['-'], { input: 'A'.repeat(100_000) }, /standard input has more than 8192 bytes/],
    [['--token-file', folder.file('big')], {}, /--token-file has more than 8192 bytes/],
    [['--token-file', folder.file('absent')], {}, /--token-file cannot be read; name a file that holds the capability: ENOENT/],
    [['-', '--token-file', file], { input: token }, /- and --token-file name two capabilities; give one/],
  ];
  const results = await Promise.all(cases.map(([args, options]) => inspect(args, options)));
  for (const [index, [args, , complaint]] of cases.entries()) {
    t.match(results[index], { code: 2 }, args.join(' '));
    t.match((JSON.parse(results[index]?.stderr ?? '') as { error: { message: string } }).error.message, complaint);
  }
});

await t.test('HELLO carries the capability and its tenant', async (t) => {
  const data = await stores.create();
  const token = await mint(data);
  const file = folder.file('hello-token');
  writeFileSync(file, token);
  const seen: Buffer[] = [];
  const server = createServer((socket) => {
    socket.once('data', (chunk: Buffer) => {
      seen.push(chunk);
      socket.destroy();
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const url = `oap://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.equal((await ronctl(['hello', url], { env: { RON_CAP: token } })).code, 3);
  t.equal((await ronctl(['ping', url, '--token-file', file])).code, 3);
  t.equal((await ronctl(['echo', url, 'x'])).code, 3);
  t.same(seen.map((bytes) => bytes.includes(tokenFromText(token))), [true, true, false]);
  t.same(seen.map((bytes) => bytes.includes(Buffer.from(TENANT, 'hex'))), [true, true, false]);
});
