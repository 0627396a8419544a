import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { CertificateAuthority, cleanEnvironment, RawPeer, startNode } from '@omnigate/harness';
import t from 'tap';

const RONCTL = fileURLToPath(new URL('../bin/ronctl.js', import.meta.url));

interface Result {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs a program to its end; `input` is its standard input. */
function run(program: string, args: readonly string[], env: Record<string, string> = {}, input?: Buffer): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: cleanEnvironment(env), timeout: 20_000 });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout), stderr });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

const ronctl = (args: readonly string[], env?: Record<string, string>, input?: Buffer): Promise<Result> =>
  run(process.execPath, [RONCTL, ...args], env, input);

const jsonOf = ({ stdout }: Result): unknown => JSON.parse(stdout.toString());

await t.test('hello shows what the node says of itself', async (t) => {
  await using node = await startNode({ idleTimeoutMs: 9_000 });
  const { url } = node.oap;
  const [text, json] = await Promise.all([ronctl(['hello', url]), ronctl(['hello', '--json'], { RON_NODE_URL: url })]);
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
  t.equal((await ronctl(['echo', 'grüße'], { RON_NODE_URL: url })).stdout.toString(), 'grüße\n', 'the URL may come from the environment');
  t.match(jsonOf(await ronctl(['echo', url, 'x', '--e2e', '--json'])), { status: 200, bytes: 1, e2e: true });
  t.match(jsonOf(await ronctl(['echo', url, 'x', '--stream', '--json'])), { status: 200, bytes: 1, e2e: false });
  const big = randomBytes(5_000_000);
  for (const options of [[], ['--stream'], ['--stream', '--e2e']]) {
    const { code, stdout } = await ronctl(['echo', url, '-', ...options], {}, big);
    t.equal(code, 0);
    t.ok(stdout.equals(big), `5 MB come back with ${options.join(' ') || 'no option'}`);
  }
  t.equal((await ronctl(['echo', url, '-'], {}, Buffer.alloc(0))).stdout.length, 0, 'nothing is echoed as nothing');
  const head = await run('sh', ['-c', `${process.execPath} ${RONCTL} echo ${url} - --stream | head -c 5 | wc -c`], {}, big);
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
  t.match(await ronctl(['echo', url, 'x'], { RON_CA_FILE: authority.ca }), { code: 0 });
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
  const cap = await ronctl(['ping', url], { RON_CAP: 'not base64url!' });
  t.equal(cap.code, 2);
  t.match(cap.stderr, /RON_CAP is not base64url text/);
  t.notMatch(cap.stderr, 'not base64url!');

  const peer = await RawPeer.greeted(node.oap);
  await peer[Symbol.asyncDispose]();
  void node.node.drain();
  t.equal((await ronctl(['hello', url])).code, 3, 'a node that has drained is gone');
});

await t.test('help has an example for every command', async (t) => {
  const top = (await ronctl(['--help'])).stdout.toString();
  const commands = ['hello', 'ping', 'echo', 'completion'];
  const pages = await Promise.all(commands.map((command) => ronctl([command, '--help'])));
  for (const [index, command] of commands.entries()) {
    t.match(top, new RegExp(`^  ${command} `, 'm'));
    t.equal(pages[index]?.code, 0);
    t.match(pages[index]?.stdout.toString(), /Example:\n {2}\$ .*ronctl /);
  }
  t.match(top, /RON_CAP .*read from here only/);
  t.match((await ronctl(['--version'])).stdout.toString(), /^\d+\.\d+\.\d+\n$/);
});

await t.test('completion', async (t) => {
  const [bash, zsh, fish] = await Promise.all(['bash', 'zsh', 'fish'].map((shell) => ronctl(['completion', shell])));
  const complete = (...words: string[]): string[] => {
    const script = `${String(bash?.stdout)}
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _ronctl
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split('\n');
  };
  t.same(complete('ronctl', 'h'), ['hello']);
  t.same(complete('ronctl', ''), ['hello', 'ping', 'echo', 'completion']);
  t.same(complete('ronctl', 'echo', '--s'), ['--stream', '--servername']);
  t.same(complete('ronctl', 'completion', 'z'), ['zsh']);
  t.match(zsh?.stdout.toString(), /^#compdef ronctl\n/);
  t.match(zsh?.stdout.toString(), /^ {4}ping\) compadd -- --count --interval --ca /m);
  t.match(fish?.stdout.toString(), /^complete -c ronctl -n '__fish_seen_subcommand_from ping' -l count -d 'how many'$/m);
});
