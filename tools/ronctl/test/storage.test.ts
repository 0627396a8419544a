import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { startNode } from '@omnigate/harness';
import { connect } from '@omnigate/sdk';
import t from 'tap';
import { jsonOf, onTerminal, ronctl, run, RONCTL, textOf } from './run-ronctl.ts';
import type { Result, RunOptions } from './run-ronctl.ts';
import { mint, Stores } from './stores.ts';

const ABSENT = `b3m:${'0'.repeat(64)}`;
const ID = 'b3m:[0-9a-f]{64}';

const stores = new Stores();
const node = await startNode();
t.teardown(async () => {
  await node[Symbol.asyncDispose]();
  stores[Symbol.dispose]();
});
const env = { RON_CAP: await mint(node.data, '--app', 'storage'), RON_NODE_URL: node.oap.url };
const client = await connect({ url: node.oap.url, cap: env.RON_CAP });
t.teardown(() => client.close());
const blobs = client.storage();

const { folder } = stores;
const storage = (args: readonly string[], options: RunOptions = {}): Promise<Result> => ronctl(['storage', ...args], { env, cwd: folder.path, ...options });
const linesOf = (result: Result): unknown[] => textOf(result).trim().split('\n').map((line) => JSON.parse(line) as unknown);
const bytes = randomBytes(3_000_000);
writeFileSync(folder.file('map'), bytes);

await t.test('put, look and get', async (t) => {
  t.match(await storage(['ls']), { code: 0, stdout: /^There is no blob yet; / });
  const put = await storage(['put', 'map', '--media-type', 'image/png', '--ttl', '7d']);
  t.match(put, { code: 0, stderr: '', stdout: new RegExp(`^${ID}\n$`) }, 'no progress where nobody looks');
  const id = textOf(put).trim();
  const [again, piped, secret] = await Promise.all([
    storage(['put', node.oap.url, 'map', '--json'], { env: { RON_CAP: env.RON_CAP } }),
    storage(['put', '-', '--json'], { input: bytes }),
    storage(['put', '-', '--no-pin', '--e2e', '--json'], { input: 'secret' }),
  ]);
  const { b3 } = await blobs.stat(id);
  t.same(jsonOf(again), { id, b3, size_bytes: bytes.length, existed: true });
  t.same(jsonOf(piped), jsonOf(again));
  const secretId = (jsonOf(secret) as { id: string }).id;
  t.match(await blobs.get(secretId).metadata, { endToEnd: true });

  const [ls, json, limited, stat, usage, usageJson, has, hasJson] = await Promise.all(
    [['ls'], ['ls', '--json'], ['ls', '--limit', '1'], ['stat', id], ['stat'], ['stat', '--json'], ['has', id, b3 as string], ['has', id, ABSENT, '--json']].map((args) => storage(args)),
  ) as [Result, Result, Result, Result, Result, Result, Result, Result];
  t.match(textOf(ls), new RegExp(`^${id} +2\\.9 MiB +pinned +image/png$`, 'm'));
  t.match(textOf(ls), new RegExp(`^${secretId} +6 B +unpinned$`, 'm'));
  t.match(linesOf(json).find((blob) => (blob as { id: string }).id === id), { state: 'whole', size_bytes: bytes.length, b3, media_type: 'image/png', pinned: true });
  t.equal(textOf(limited).trim().split('\n').length, 1);
  t.match(textOf(stat), /^state +whole\nsize_bytes +3000000 \(2\.9 MiB\)\nb3 +b3:[0-9a-f]{64}\nmedia_type +image\/png\ncreated +\S+Z \(\S+ ago\)\npinned +true\n$/m);
  t.match(textOf(usage), /^blobs +2\npinned_bytes +3000000 \(2\.9 MiB\)\nunpinned_bytes +6\n/);
  t.match(jsonOf(usageJson), { blobs: 2, quota_blobs: Number });
  t.match([has.code, textOf(has)], [0, `${id} yes\n${String(b3)} yes\n`]);
  t.equal(hasJson.code, 1);
  t.same(jsonOf(hasJson), { have: { [id]: true, [ABSENT]: false } });

  const [plain, range, file, alias, device] = await Promise.all(
    [['get', id], ['get', id, '-', '--range', '0:5', '--range', '2999990:'], ['get', id, 'copy'], ['get', b3 as string, 'other', '--json'], ['get', id, '/dev/null']].map((args) => storage(args)),
  ) as [Result, Result, Result, Result, Result];
  t.ok(plain.stdout.equals(bytes), 'on standard output');
  t.ok(range.stdout.equals(Buffer.concat([bytes.subarray(0, 5), bytes.subarray(-10)])), 'ranges');
  t.match(file, { code: 0, stderr: '' });
  t.equal(textOf(file), '');
  t.ok(readFileSync(folder.file('copy')).equals(bytes), 'in a file');
  t.same(jsonOf(alias), { id, b3, size_bytes: bytes.length, media_type: 'image/png', body_bytes: bytes.length, file: 'other' });
  t.equal(device.code, 0);
  t.same(readdirSync(folder.path).filter((name) => name.endsWith('.part')), [], 'no parts are left');
});

await t.test('a get that was cut off goes on, and what is damaged is not taken', async (t) => {
  const { id } = await blobs.put(bytes);
  const part = folder.file(`resumed.${id.slice(4, 16)}.part`);
  writeFileSync(part, bytes.subarray(0, 2_000_000));
  const resumed = await storage(['get', id, 'resumed', '--json']);
  t.match(jsonOf(resumed), { body_bytes: bytes.length });
  t.ok(readFileSync(folder.file('resumed')).equals(bytes));
  t.notOk(existsSync(part));

  writeFileSync(folder.file('kept'), 'as it was');
  const damaged = folder.file(`kept.${id.slice(4, 16)}.part`);
  writeFileSync(damaged, Buffer.concat([Buffer.alloc(1), bytes.subarray(1, 2_000_000)]));
  t.match(await storage(['get', id, 'kept']), { code: 1, stderr: /kept\.[0-9a-f]{12}\.part was damaged, and is removed; give the command again/ });
  t.equal(readFileSync(folder.file('kept'), 'utf8'), 'as it was', 'a file is replaced when the other is complete');
  t.equal((await storage(['get', id, 'kept'])).code, 0);
  t.ok(readFileSync(folder.file('kept')).equals(bytes));
  await storage(['get', ABSENT, 'absent']);
  t.same(readdirSync(folder.path).filter((name) => name.includes('absent')), [], 'nothing is left of what is not there');
});

await t.test('pin, unpin, gc and scrub', async (t) => {
  const { id } = await blobs.put(Buffer.from('gone soon'), { pinTtlMs: 0 });
  t.match(textOf(await storage(['pin', id, '--ttl', '1h'])), new RegExp(`^${id} pinned until \\S+Z\n$`));
  t.match(jsonOf(await storage(['pin', id, '--json'])), { id, pinned: true });
  t.match(textOf(await storage(['unpin', id])), `${id} unpinned\n`);
  t.same(jsonOf(await storage(['unpin', id, '--json'])), { id, pinned: false });
  t.match(textOf(await storage(['gc'])), /^Removed 0 blobs, 0 B\.\n$/);
  t.same(jsonOf(await storage(['gc', '--json'])), { swept_blobs: 0, swept_bytes: 0 });
  t.match(textOf(await storage(['scrub'])), /^Checked \d+ blobs, 2\.9 MiB; 0 damaged\.\n$/);

  const { id: large } = await blobs.put(bytes.subarray(0, 200_000));
  const [tenant = ''] = readdirSync(`${node.data}/storage/blobs`);
  const path = `${node.data}/storage/blobs/${tenant}/${large.slice(4, 6)}/${large.slice(4)}`;
  const damaged = readFileSync(path);
  damaged[150_000] = (damaged[150_000] as number) ^ 1;
  writeFileSync(path, damaged);
  const found = await storage(['scrub', large]);
  t.match([found.code, textOf(found)], [1, new RegExp(`^${large} is damaged, first at leaf 2\nChecked 1 blobs, .*; 1 damaged\\.\n$`)]);
  t.match(jsonOf(await storage(['scrub', '--json'])), { corrupt: [{ id: large, leaf: 2 }] });
  t.match(await storage(['get', large, 'rotten']), { code: 1, stderr: /blob_corrupt/ });
  t.notOk(existsSync(folder.file('rotten')));
});

await t.test('errors that name the fix', async (t) => {
  mkdirSync(folder.file('folder'));
  const cases: [string[], number, RegExp][] = [
    [['put'], 2, /nothing to store; name a file, or - for standard input/],
    [['put', 'nowhere'], 2, /nowhere cannot be read; name a file/],
    [['put', 'folder'], 2, /folder cannot be read; name a file/],
    [['put', 'map', 'map'], 2, /one argument too many: map/],
    [['put', 'map', '--ttl', '7d', '--no-pin'], 2, /give one/],
    [['put', 'map', '--expect', ABSENT], 1, /blob_unverified/],
    [['get'], 2, /no blob; name one by its id, and "ronctl storage ls"/],
    [['get', 'b3m:77'], 2, /b3m:77 is no blob; write b3m: or b3: and 64 hex digits/],
    [['get', ABSENT], 1, /404 blob_not_found/],
    [['get', ABSENT, '--json'], 2, /--json tells of a file; name one/],
    [['get', ABSENT, 'folder'], 2, /folder cannot be written; name another file: it is a directory/],
    [['get', ABSENT, '--range', '5:5'], 2, /Write the first byte, a colon/],
    [['get', ABSENT, '--range', '5:9', '--range', '8:'], 2, /ascending order/],
    [['has'], 2, /no blob; name one/],
    [['stat', 'oap://127.0.0.1:1', ABSENT], 3, /connect_failed/],
  ];
  for (const [args, code, message] of cases) {
    const result = await storage(args);
    t.equal(result.code, code, args.join(' '));
    t.match(result.stderr, message);
    t.equal(textOf(result), '');
  }
  const mailboxOnly = { RON_CAP: await mint(node.data, '--app', 'mailbox'), RON_NODE_URL: node.oap.url };
  t.match(await storage(['ls'], { env: mailboxOnly }), { code: 1, stderr: /cap_scope|cap_app/ });
});

await t.test('a terminal sees how far it is, and is not sent bytes', async (t) => {
  const large = folder.file('large');
  writeFileSync(large, randomBytes(48 * 1_048_576));
  const put = await onTerminal('', ['storage', 'put', large], { env });
  t.equal(put.code, 0);
  t.match(textOf(put), new RegExp(`${ID}\r\n$`));
  t.match(textOf(put), /\[=*> *\] +\d+% {2}[\d.]+ [KM]iB of 48\.0 MiB, [\d.]+ [KM]iB\/s/);
  const id = new RegExp(ID).exec(textOf(put))?.[0] ?? '';
  const refused = await onTerminal('', ['storage', 'get', id], { env });
  t.match([refused.code, textOf(refused)], [2, /may upset a terminal; name a file/]);
  const head = await run('sh', ['-c', `${process.execPath} ${RONCTL} storage get ${id} | head -c 5 | wc -c`], { env });
  t.match([textOf(head), head.stderr], [/^ *5\n$/, ''], 'a reader who has enough is no error');
});
