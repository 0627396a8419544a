import { writeFileSync } from 'node:fs';
import { startNodeProcess } from '@omnigate/harness';
import { connect } from '@omnigate/sdk';
import t from 'tap';
import { jsonOf, onTerminal, ronctl, textOf } from './run-ronctl.ts';
import type { Result, RunOptions } from './run-ronctl.ts';
import { mint, Stores } from './stores.ts';

const ID = '[0-9A-HJKMNP-TV-Z]{26}';

const stores = new Stores();
const data = stores.folder.file('data');
const node = await startNodeProcess({ data });
t.teardown(async () => {
  await node[Symbol.asyncDispose]();
  stores[Symbol.dispose]();
});
const env = { RON_CAP: await mint(data, '--app', 'mailbox'), RON_NODE_URL: node.url };
const client = await connect({ url: node.url, cap: Buffer.from(env.RON_CAP, 'base64url') });
t.teardown(() => client.close());

const mailbox = (args: readonly string[], options: RunOptions = {}): Promise<Result> => ronctl(['mailbox', ...args], { env, ...options });
const linesOf = (result: Result): unknown[] => textOf(result).trim().split('\n').map((line) => JSON.parse(line) as unknown);
const bodies = async (topic: string): Promise<string[]> => (await client.mailbox(topic).peek({ limit: 256 })).messages.map(({ body }) => Buffer.from(body).toString());

await t.test('send, look and receive', async (t) => {
  const [none, nothing] = await Promise.all([mailbox(['ls']), mailbox(['receive', 'orders'])]);
  t.match(none, { code: 0, stdout: /^There is no topic yet; the first message makes one\.\n$/ });
  t.match(nothing, { code: 1, stderr: 'ronctl: there was no message in orders; --wait waits for one\n' });
  t.match(textOf(await mailbox(['send', 'orders', 'grüße'])), new RegExp(`^${ID}\n$`));
  const two = ['two', '--dedup-key', 'k', '--priority', '9', '--group', 'g', '--header', 'a=1', '--header', 'b=x=y', '--json'];
  const sent = await mailbox(['send', node.url, 'orders', ...two], { env: { RON_CAP: env.RON_CAP } });
  t.match(jsonOf(sent), { id: new RegExp(`^${ID}$`), duplicate: false, durability: 'disk' });
  const [again, conflict] = await Promise.all([mailbox(['send', 'orders', 'two', '--dedup-key', 'k']), mailbox(['send', 'orders', 'three', '--dedup-key', 'k'])]);
  t.match(textOf(again), / \(sent before\)\n$/);
  t.match(conflict, { code: 1, stderr: /Use another key for another body\. \(409 idempotency_conflict, / });
  await mailbox(['send', 'orders', 'later', '--delay', '1h', '--ttl', '2h']);

  const [ls, json, stats, peek, first, delayed] = await Promise.all(
    [['ls'], ['ls', '--json'], ['stats', 'orders'], ['peek', 'orders', '--json'], ['peek', 'orders', '--limit', '1'], ['peek', 'orders', '--state', 'delayed']].map((args) => mailbox(args)),
  ) as [Result, Result, Result, Result, Result, Result];
  t.match(textOf(ls), /^TOPIC +READY +BLOCKED +DELAYED +LEASED +BYTES +OLDEST\norders +2 +0 +1 +0 +\d+ +\S+Z \(.* ago\)\n$/);
  t.match(jsonOf(json), { topics: [{ topic: 'orders', ready: 2, delayed: 1, oldest_ms: Number, admitted: 3, settings: { dlq: 'orders/dlq', visibility_ms: 30_000 } }] });
  t.match(textOf(stats), /^topic +orders\nready +2\n[^]*\nmax_deliveries +16\ndlq +orders\/dlq\n/);
  t.match(linesOf(peek), [
    { priority: 9, key: 'k', group: 'g', headers: { a: '1', b: 'x=y' }, body: 'two', deliveries: 0, e2e: false },
    { priority: 4, body: 'grüße' },
  ]);
  t.match(textOf(first), new RegExp(`^${ID} \\S+Z deliveries=0 priority=9 key=k group=g headers=\\{"a":"1","b":"x=y"\\} bytes=3 {2}two\n$`));
  t.match(textOf(delayed), / due=\S+Z key=\S+ bytes=5 {2}later\n$/);

  t.match(linesOf(await mailbox(['receive', 'orders', '--json'])), [{ body: 'two', deliveries: 1 }]);
  t.equal(textOf(await mailbox(['receive', 'orders', '--max', '5'])), 'grüße\n');
  t.match(await client.mailbox('orders').stats(), { ready: 0, leased: 0, acked: 2 });
  const waiting = mailbox(['receive', 'orders', '--wait', '60s', '--raw']);
  await client.mailbox('orders').send('in time');
  t.equal(textOf(await waiting), 'in time');
});

await t.test('bodies from files and standard input, whole and line by line', async (t) => {
  const bytes = Buffer.from([0, 255, 10, 13, 0]);
  t.equal((await mailbox(['send', 'bytes', '-'], { input: bytes })).code, 0);
  await client.mailbox('bytes').send('\u001b[2J\u202e', { key: '\u0007' });
  const [json, text] = await Promise.all([mailbox(['peek', 'bytes', '--json']), mailbox(['peek', 'bytes'])]);
  t.match(linesOf(json), [{ body_base64: bytes.toString('base64') }, {}]);
  t.match(textOf(text), /bytes=5 {2}\(not text\)\n.* key="\\u0007" bytes=7 {2}\\u001b\[2J\\u202e\n$/, 'nothing in a message steers the terminal');
  t.ok((await mailbox(['receive', 'bytes', '--raw'])).stdout.equals(bytes));
  t.match(textOf(await onTerminal('', ['mailbox', 'receive', 'bytes'], { env })), String.raw`\u001b[2J\u202e`);

  const file = stores.folder.file('lines');
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i}`);
  writeFileSync(file, lines.join('\n'));
  const send = ['send', 'lines', '--file', file, '--lines', '--dedup-key', 'import'];
  t.equal(textOf(await mailbox(send)).split('\n').length, 301);
  t.equal(linesOf(await mailbox([...send, '--json'])).filter((line) => (line as { duplicate: boolean }).duplicate).length, 300, 'once, however often it is sent');
  t.equal(textOf(await mailbox(['peek', 'lines', '--limit', '300'])).split('\n').length, 301, 'more than one page');
  t.equal(textOf(await mailbox(['receive', 'lines', '--max', '1000'])), `${lines.join('\n')}\n`);

  const long = 'x'.repeat(262_145);
  await client.mailbox('small').configure({ quotaMessages: 2 });
  const [whole, line, quota] = await Promise.all([
    mailbox(['send', 'bytes', '-'], { input: long }),
    mailbox(['send', 'bytes', '-', '--lines'], { input: `ok\n${long}` }),
    mailbox(['send', 'small', '-', '--lines'], { input: '1\n\n3\n4' }),
  ]);
  t.match(whole, { code: 2, stderr: /standard input has more than the 262144 bytes that a message may have; put it elsewhere/ });
  t.match(line, { code: 1, stderr: /^ronctl: [01] lines were sent(, and 1 of the next 1)?; then: line 2 of standard input has more than/ });
  t.match(quota, { code: 1, stderr: /^ronctl: 2 lines were sent; then: .*Receive or purge messages/ });
  t.same(await bodies('small'), ['1', '']);
});

await t.test('dead letters are listed and moved back; purge asks', async (t) => {
  const jobs = client.mailbox('jobs');
  await jobs.configure({ maxDeliveries: 1 });
  t.match(await mailbox(['dlq', 'ls', 'jobs']), { code: 0, stdout: /^There are no dead letters of jobs\.\n$/ });
  t.match(textOf(await mailbox(['redrive', 'jobs'])), 'Moved 0 from jobs/dlq to jobs.\n');
  await Promise.all(['a', 'b', 'c'].map((body) => jobs.send(body)));
  await Promise.all((await jobs.receive({ max: 3 })).map((message) => message.nack()));

  const [topics, json, letters] = await Promise.all([mailbox(['dlq', 'ls']), mailbox(['dlq', 'ls', '--json']), mailbox(['dlq', 'ls', node.url, 'jobs', '--json', '--limit', '2'])]);
  t.match(textOf(topics), /^TOPIC +DEAD LETTERS IN +MESSAGES +OLDEST\njobs +jobs\/dlq +3 +\S+Z \(.* ago\)\n$/);
  t.match(jsonOf(json), { topics: [{ topic: 'jobs', dlq: 'jobs/dlq', messages: 3, oldest_ms: Number }] });
  const [, second] = linesOf(letters) as [unknown, { id: string }];
  t.match(second, { body: 'b', dead: { topic: 'jobs', reason: 'nacked', deliveries: 1, at_ms: Number } });
  t.match(textOf(await mailbox(['peek', 'jobs/dlq', '--limit', '1'])), /^\S+ \S+Z deliveries=0 source=jobs reason=nacked died_after=1 dead_at=\S+Z bytes=1 {2}a\n$/);

  t.match(textOf(await mailbox(['redrive', 'jobs', '--id', second.id])), 'Moved 1 from jobs/dlq to jobs.\n');
  t.same(await bodies('jobs'), ['b']);
  await jobs.configure({ quotaMessages: 2 });
  t.match(await mailbox(['redrive', 'jobs']), { code: 1, stdout: /^Moved 1 from jobs\/dlq to jobs\.\n$/, stderr: /a quota stopped it, and the rest is still in jobs\/dlq; receive or purge/ });
  t.match(jsonOf(await mailbox(['redrive', 'repaired', '--from', 'jobs/dlq', '--source', 'jobs', '--max', '1', '--json'])), { moved: 1 });

  t.match(await mailbox(['purge', 'jobs']), { code: 2, stderr: /no terminal.*add --yes/ });
  const no = await onTerminal('n\r', ['mailbox', 'purge', 'jobs'], { env });
  t.match(no, { code: 1, stdout: /Purge 2 messages of jobs, for good\? \[y\/N\][^]*nothing was done/ });
  t.equal((await jobs.stats()).ready, 2);
  t.match(textOf(await onTerminal('y\r', ['mailbox', 'purge', 'jobs', '--state', 'ready', '--max', '1'], { env })), /Purge 1 ready messages of jobs[^]*Purged 1 from jobs\./);
  t.match(jsonOf(await mailbox(['purge', 'jobs', '--yes', '--json'])), { topic: 'jobs', state: 'all', purged: 1 });
  await jobs.configure({ dlq: null });
  t.match(await mailbox(['dlq', 'ls', 'jobs']), { code: 2, stderr: /keeps its dead letters nowhere/ });
});

await t.test('errors name the fix, and nothing leaks', async (t) => {
  const reader = await mint(data, '--app', 'mailbox', '--verb', 'peek,stats', '--prefix', 'orders');
  const cases: [string[], number, RegExp, string?][] = [
    [['ls'], 1, /\(401 cap_missing, /, ''],
    [['send', 'orders', 'x'], 1, /\(403 cap_scope, /, reader],
    [['stats', 'nowhere'], 1, /There is no topic nowhere\. Check the name of the topic/],
    [['stats'], 2, /no topic; name one, and "ronctl mailbox ls" shows which/],
    [['stats', 'orders', node.url], 2, /the URL comes before the topic/],
    [['send', 'orders'], 2, /nothing to send; add a message/],
    [['send', 'orders', 'two', 'words'], 2, /one argument too many: words; quote/],
    [['send', 'orders', 'x', '--file', 'y'], 2, /two messages; give one/],
    [['send', 'orders', 'x', '--lines'], 2, /--lines reads an input/],
    [['send', 'orders', '--file', '/nowhere/x'], 2, /\/nowhere\/x cannot be read; name a file/],
    [['send', 'orders', 'x', '--header', 'y'], 2, /Write a name, =, and the value/],
    [['send', 'orders', 'x', '--priority', '10'], 1, /\(400 bad_payload, /],
    [['receive', 'orders', '--follow', '--max', '2'], 2, /leave out --max and --wait/],
    [['receive', 'orders', '--follow', '--no-ack'], 2, /use "ronctl mailbox peek"/],
    [['receive', 'orders', '--json', '--raw'], 2, /give one/],
  ];
  for (const [args, code, complaint, cap = env.RON_CAP] of cases) {
    const result = await mailbox(args, { env: { ...env, RON_CAP: cap } });
    t.match(result, { code, stderr: complaint }, args.join(' '));
    t.equal(result.stdout.length, 0);
    for (const secret of [env.RON_CAP, reader]) t.notMatch(result.stderr, secret);
  }
  t.match(JSON.parse((await mailbox(['stats', 'nowhere', '--json'])).stderr), { error: { reason: 'topic_unknown', status: 404, retryable: false } });
});
