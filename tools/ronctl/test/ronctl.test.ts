import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { CertificateAuthority, RawPeer, startNode } from '@omnigate/harness';
import t from 'tap';
import { jsonOf, ronctl, run, RONCTL, textOf } from './run-ronctl.ts';

await t.test('hello shows what the node says of itself', async (t) => {
  await using node = await startNode({ idleTimeoutMs: 9_000 });
  const { url } = node.oap;
  const [text, json] = await Promise.all([ronctl(['hello', url]), ronctl(['hello', '--json'], { env: { RON_NODE_URL: url } })]);
  t.equal(text.code, 0);
  t.match(text.stdout.toString(), /^server +omnigate\/\d/m);
  t.match(text.stdout.toString(), /^idle_timeout_ms +9000$/m);
  t.equal(json.code, 0);
  t.match(jsonOf(json), { url, version: 1, idle_timeout_ms: 9_000, connect_ms: Number });
});

await t.test('ping measures', async (t) => {
  await using node = await startNode();
  const { url } = node.oap;
  const [text, json] = await Promise.all([
    ronctl(['ping', url, '--count', '2', '--interval', '1']),
    ronctl(['ping', url, '--count', '3', '--interval', '1', '--json']),
  ]);
  t.match(text.stdout.toString(), new RegExp(`^${url}: 1 of 2, [\\d.]+ ms\n${url}: 2 of 2, .*\nmin [\\d.]+ ms, mean [\\d.]+ ms, max `));
  t.match(jsonOf(json), { url, times_ms: [Number, Number, Number], min_ms: Number, mean_ms: Number, max_ms: Number });
  t.equal((jsonOf(json) as { times_ms: number[] }).times_ms.length, 3);
});

await t.test('echo sends text and bytes, whole and in parts', async (t) => {
  await using node = await startNode();
  const { url } = node.oap;
  const plain = await ronctl(['echo', url, 'hello']);
  t.match(plain, { code: 0, stderr: '' });
  t.equal(plain.stdout.toString(), 'hello\n');
  t.equal((await ronctl(['echo', 'grüße'], { env: { RON_NODE_URL: url } })).stdout.toString(), 'grüße\n', 'the URL may come from the environment');
  t.match(jsonOf(await ronctl(['echo', url, 'x', '--e2e', '--json'])), { status: 200, bytes: 1, e2e: true });
  t.match(jsonOf(await ronctl(['echo', url, 'x', '--stream', '--json'])), { status: 200, bytes: 1, e2e: false });
  const big = randomBytes(5_000_000);
  for (const options of [[], ['--stream'], ['--stream', '--e2e']]) {
    const { code, stdout } = await ronctl(['echo', url, '-', ...options], { input: big });
    t.equal(code, 0);
    t.ok(stdout.equals(big), `5 MB come back with ${options.join(' ') || 'no option'}`);
  }
  t.equal((await ronctl(['echo', url, '-'])).stdout.length, 0, 'nothing is echoed as nothing');
  const head = await run('sh', ['-c', `${process.execPath} ${RONCTL} echo ${url} - --stream | head -c 5 | wc -c`], { input: big });
  t.match(head.stdout.toString(), /^ *5\n$/);
  t.equal(head.stderr, '', 'a reader who has enough is no error');
});

await t.test('TLS', async (t) => {
  const authority = new CertificateAuthority();
  t.teardown(() => {
    authority[Symbol.dispose]();
  });
  const server = authority.issue('server');
  const client = authority.issue('client');
  const tls = { oaps: '127.0.0.1:0', tlsCert: server.cert, tlsKey: server.key };
  await using node = await startNode(tls);
  const { url } = node.oaps;
  t.match(await ronctl(['echo', url, 'x', '--ca', authority.ca]), { code: 0 });
  t.match(await ronctl(['echo', url, 'x'], { env: { RON_CA_FILE: authority.ca } }), { code: 0 });
  const untrusted = await ronctl(['echo', url, 'x']);
  t.equal(untrusted.code, 3);
  t.match(untrusted.stderr, 'RON_CA_FILE');
  const name = await ronctl(['hello', url, '--ca', authority.ca, '--servername', 'elsewhere.example', '--json']);
  t.equal(name.code, 3);
  t.match(JSON.parse(name.stderr), { error: { reason: 'connect_failed', retryable: false, message: /elsewhere\.example/ } });
  t.equal((await ronctl(['hello', url, '--ca', authority.ca, '--servername', 'localhost'])).code, 0);

  await using mutual = await startNode({ ...tls, tlsClientCa: authority.ca });
  const known = ['--ca', authority.ca, '--cert', client.cert, '--key', client.key];
  t.equal((await ronctl(['ping', mutual.oaps.url, '--count', '1', ...known])).code, 0);
  t.equal((await ronctl(['ping', mutual.oaps.url, '--ca', authority.ca])).code, 3);
});

await t.test('exit codes, and errors that name the fix', async (t) => {
  await using node = await startNode();
  const { url } = node.oap;
  const cases: [string[], number, RegExp][] = [
    [['echo'], 2, /^ronctl: nothing to send; add a text, or - for standard input\n$/],
    [['echo', url], 2, /nothing to send/],
    [['echo', 'http://127.0.0.1', 'x'], 2, /Write the URL as oap:\/\/host:port or oaps:\/\/host:port\. \(400 bad_url\)/],
    [['echo', url, 'x', '--cert', 'c.pem'], 2, /--cert and --key belong together/],
    [['echo', url.replace('oap', 'oaps'), 'x', '--cert', 'c.pem', '--key', 'k.pem'], 2, /--cert c\.pem cannot be read; name a PEM file/],
    [['ping', url, '--count', '0'], 2, /It must be a whole number above zero/],
    [['ping', url, '--cap', 'x'], 2, /unknown option '--cap'/],
    [['pong'], 2, /unknown command 'pong'\n\(Did you mean ping\?\)/],
    [[], 2, /Usage: ronctl/],
    [['completion', 'tcsh'], 2, /Allowed choices are bash, zsh, fish/],
    [['hello', 'oap://127.0.0.1:1'], 3, /Start the node with `omnigate start`/],
    [['hello', node.adminUrl.replace('http', 'oap')], 3, /HTTP and not in OAP/],
  ];
  const results = await Promise.all(cases.map(([args]) => ronctl(args)));
  for (const [index, [args, code, complaint]] of cases.entries()) {
    t.match(results[index], { code, stderr: complaint }, args.join(' '));
    t.equal(results[index]?.stdout.length, 0);
  }
  const cap = await ronctl(['ping', url], { env: { RON_CAP: 'not base64url!' } });
  t.equal(cap.code, 2);
  t.match(cap.stderr, /RON_CAP holds no capability\. The text is not base64url/);
  t.notMatch(cap.stderr, 'not base64url!');

  const peer = await RawPeer.greeted(node.oap);
  await peer[Symbol.asyncDispose]();
  void node.node.drain();
  t.equal((await ronctl(['hello', url])).code, 3, 'a node that has drained is gone');
});

/** Every command, found through the help of its group. */
async function helpPages(path: readonly string[] = []): Promise<Map<string, string>> {
  const result = await ronctl([...path, '--help']);
  t.equal(result.code, 0, `ronctl ${path.join(' ')} --help`);
  const page = textOf(result);
  const [, list = ''] = /^Commands:\n((?: {2}.*\n)+)/m.exec(page) ?? [];
  const names = [...list.matchAll(/^ {2}(?!help )([a-z-]+)/gm)].map(([, name = '']) => name);
  const below = await Promise.all(names.map((name) => helpPages([...path, name])));
  return new Map([[path.join(' '), page], ...below.flatMap((pages) => [...pages])]);
}

const COMMANDS = [
  'hello', 'ping', 'echo',
  'mailbox', 'mailbox ls', 'mailbox stats', 'mailbox peek', 'mailbox send', 'mailbox receive', 'mailbox dlq', 'mailbox dlq ls', 'mailbox redrive', 'mailbox purge',
  'storage', 'storage put', 'storage get', 'storage has', 'storage stat', 'storage ls', 'storage pin', 'storage unpin', 'storage scrub', 'storage gc',
  'cap', 'cap mint', 'cap attenuate', 'cap inspect', 'cap verify', 'cap rotate', 'cap revoke', 'cap list-keys',
  'audit', 'audit verify', 'audit tail',
  'completion',
];

await t.test('the help of every command has an example, the exit codes, and --json', async (t) => {
  const pages = await helpPages();
  t.same([...pages.keys()], ['', ...COMMANDS]);
  for (const [command, page] of pages) {
    const isGroup = /^Commands:/m.test(page);
    if (command !== '') t.match(page, new RegExp(`Example:\n {2}\\$ .*ronctl ${isGroup ? `${command} ` : command}`), command);
    t.match(page, /^Exit codes: 0 done, .*\n4 the capability store cannot be used\.$/m, command);
    if (!isGroup && command !== 'completion') t.match(page, /^ {2}--json /m, command);
  }
  t.match(pages.get(''), /RON_CAP .*never given on a command line/);
  t.match(textOf(await ronctl(['--version'])), /^\d+\.\d+\.\d+\n$/);
});

await t.test('completion', async (t) => {
  const [bash, zsh, fish] = (await Promise.all(['bash', 'zsh', 'fish'].map((shell) => ronctl(['completion', shell])))).map(textOf);
  const complete = (...words: string[]): string[] => {
    const script = `${bash ?? ''}
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _ronctl
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split('\n');
  };
  t.same(complete('ronctl', 'h'), ['hello']);
  t.same(complete('ronctl', ''), COMMANDS.filter((command) => !command.includes(' ')));
  for (const group of ['mailbox', 'mailbox dlq', 'cap', 'audit']) {
    const names = COMMANDS.filter((command) => command.startsWith(`${group} `) && !command.slice(group.length + 1).includes(' ')).map((command) => command.slice(group.length + 1));
    t.same(complete('ronctl', ...group.split(' '), ''), names);
    for (const name of names) if (name !== 'dlq') t.ok(complete('ronctl', ...group.split(' '), name, '--').includes('--json'), `${group} ${name}`);
  }
  t.same(complete('ronctl', 'echo', '--s'), ['--stream', '--servername']);
  t.same(complete('ronctl', 'cap', 'mint', '--ten'), ['--tenant']);
  t.same(complete('ronctl', 'cap', 'mint', '--data', ''), [''], 'a file');
  t.same(complete('ronctl', 'cap', 'list-keys', '--ten'), ['']);
  t.same(complete('ronctl', 'completion', 'z'), ['zsh']);
  t.match(zsh, /^#compdef ronctl\n/);
  t.match(zsh, /^ {4}"ping"\) compadd -- --count --interval --token-file --ca /m);
  t.match(zsh, /^ {4}"cap mint"\) compadd -- --tenant --ttl /m);
  t.match(fish, /^complete -c ronctl -n '__ronctl_at ping' -l count -r -d 'how many'$/m);
  t.match(fish, /^complete -c ronctl -n '__ronctl_at mailbox' -f -a dlq -d /m);
  t.match(fish, /^complete -c ronctl -n '__ronctl_at mailbox dlq ls' -l limit -r -d /m);
});
