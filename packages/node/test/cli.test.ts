import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createLogger } from '@omnigate/kernel';
import { connect } from '@omnigate/sdk';
import t from 'tap';
import { TextLog } from '../src/cli/text-log.ts';
import { SIGNAL_REPEAT_MS } from '../src/limits.ts';
import { loadService } from '../src/load-service.ts';
import { VERSION } from '../src/version.ts';

const OMNIGATE = fileURLToPath(new URL('../bin/omnigate.js', import.meta.url));
const START_TIMEOUT_MS = 20_000;
// Modules of services import the kernel by name, so they must be below this package.
const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), '.cli-'));
const elsewhere = mkdtempSync(join(tmpdir(), 'omnigate-cli-'));
const running = new Set<ChildProcess>();
t.teardown(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
  rmSync(elsewhere, { recursive: true });
});

interface Entry {
  readonly event?: string;
  readonly [field: string]: unknown;
}

const environment = (env: Record<string, string>): Record<string, string | undefined> => ({
  PATH: process.env['PATH'],
  ...env,
});

/** Runs the command to its end. */
function run(args: readonly string[], env: Record<string, string> = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [OMNIGATE, ...args], { cwd: elsewhere, env: environment(env), timeout: START_TIMEOUT_MS });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

/** Starts a node and resolves when it takes requests. */
async function start(args: readonly string[] = [], env: Record<string, string> = {}) {
  const data = join(elsewhere, `data-${Math.random().toString(36).slice(2)}`);
  const base = ['start', '--data', data, '--oap', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
  // The machine may be so busy that a node would refuse to serve.
  const calm = { OMNIGATE_LOAD_SHEDDING: 'off', ...env };
  const child = spawn(process.execPath, [OMNIGATE, ...base, ...args], { cwd: elsewhere, env: environment(calm) });
  running.add(child);
  const log: Entry[] = [];
  const seen: (() => void)[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  createInterface(child.stdout).on('line', (line) => {
    log.push(JSON.parse(line) as Entry);
    for (const look of seen.splice(0)) look();
  });
  const exited = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  const event = async (name: string): Promise<Entry> => {
    for (;;) {
      const found = log.find((entry) => entry.event === name);
      if (found !== undefined) return found;
      const ended = await Promise.race([exited, new Promise<undefined>((resolve) => seen.push(() => { resolve(undefined); }))]);
      if (ended !== undefined) throw new Error(`ended with ${String(ended)} before ${name}: ${stderr}`);
    }
  };
  const started = await event('NodeStarted');
  return { child, data, log, event, exited, url: String(started['oap']), admin: String(started['admin']), stderr: () => stderr };
}

const moduleOf = (name: string, source: string): string => {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
};

const serviceSource = (operations: string, more = ''): string => `
  import { defineService } from '@omnigate/kernel';
  export const service = defineService({ appProtoId: 40000, name: 'test', access: 'open', operations: { ${operations} }, ${more} });
`;

await t.test('version, help and usage', async (t) => {
  t.same(await run(['version']), { code: 0, stdout: `${VERSION}\n`, stderr: '' });
  t.same(await run(['--version']), { code: 0, stdout: `${VERSION}\n`, stderr: '' });
  const help = await run(['--help']);
  t.equal(help.code, 0);
  const commands = ['start', 'config', 'check', 'version'];
  const pages = await Promise.all(commands.map((command) => run([command, '--help'])));
  for (const [index, command] of commands.entries()) {
    t.match(help.stdout, new RegExp(`^  ${command}`, 'm'));
    t.equal(pages[index]?.code, 0);
    t.match(pages[index]?.stdout, new RegExp(`Examples?:\n  \\$ omnigate ${command}`), `${command} has an example`);
  }
  const startHelp = pages[0]?.stdout;
  const flags = ['config', 'data', 'oap', 'oaps', 'tls-cert', 'tls-key', 'tls-client-ca', 'admin', 'service', 'log-level'];
  for (const flag of flags) t.match(startHelp, `--${flag} <`);
  const wrong = [
    [[], /Usage: omnigate/],
    [['stat'], /unknown command 'stat'\n\(Did you mean start\?\)/],
    [['start', '--oapp', 'x'], /unknown option '--oapp'\n\(Did you mean/],
    [['start', '--oap'], /argument missing/],
    [['start', 'now'], /too many arguments/],
  ] as const;
  const complaints = await Promise.all(wrong.map(([args]) => run(args)));
  for (const [index, [args, complaint]] of wrong.entries()) {
    t.match(complaints[index], { code: 2, stdout: '', stderr: complaint }, args.join(' '));
  }
});

await t.test('config', async (t) => {
  const file = join(elsewhere, 'omnigate.json');
  writeFileSync(file, JSON.stringify({ admin: '127.0.0.1:1', log_level: 'warn' }));
  const env = { OMNIGATE_CONFIG: file, OMNIGATE_LOG_LEVEL: 'error' };
  const { code, stdout } = await run(['config', '--json', '--oap', 'localhost:0'], env);
  t.equal(code, 0);
  t.match(JSON.parse(stdout), {
    oap: { value: 'localhost:0', origin: 'flag --oap' },
    log_level: { value: 'error', origin: 'environment OMNIGATE_LOG_LEVEL' },
    admin: { value: '127.0.0.1:1', origin: `file ${file}` },
    data: { value: join(elsewhere, '.omnigate'), origin: 'default' },
  });
  t.match((await run(['config'])).stdout, /^oap +127\.0\.0\.1:6270 +default$/m);
  const wrong = await run(['config', '--oap', '6270'], { OMNIGATE_OAPP: '1' });
  t.equal(wrong.code, 2);
  t.same(wrong.stderr.split('\n').length, 3, 'one line for each problem');
  t.match(wrong.stderr, /^omnigate: OMNIGATE_OAPP is no setting; did you mean OMNIGATE_OAP\?$/m);
  t.notOk(existsSync(join(elsewhere, '.omnigate')), 'config creates nothing');
});

await t.test('check', async (t) => {
  const good = moduleOf('good.js', serviceSource(''));
  t.same(await run(['check', '--service', good]), { code: 0, stdout: 'ok\n', stderr: '' });
  const twice = await run(['check', '--service', good, '--service', good]);
  t.equal(twice.code, 2);
  t.match(twice.stderr, /app_proto_id 40000 is taken by service test/);
  const tls = await run(['check', '--oaps', '127.0.0.1:0', '--tls-cert', 'no.pem', '--tls-key', 'no.key']);
  t.equal(tls.code, 2);
  t.match(tls.stderr, /cannot read the TLS certificate .*no\.pem/);
});

await t.test('a service of one\'s own', async (t) => {
  const path = moduleOf('greeter.js', serviceSource(`0: async (call) => 'hello ' + (await call.text())`));
  const node = await start(['--service', path]);
  const client = await connect({ url: node.url });
  const reply = await client.request(40_000, 0, new TextEncoder().encode('you'));
  t.equal(Buffer.from(reply.payload).toString(), 'hello you');
  await client.close();
  node.child.kill('SIGTERM');
  t.equal(await node.exited, 0);
});

await t.test('modules that are no services', async (t) => {
  const load = (source: string): Promise<unknown> => loadService(moduleOf(`module-${Math.random()}.mjs`, source));
  await t.resolves(load(`export default { appProtoId: 1, name: 'a', access: 'open', onRequest() {} }`));
  for (const [source, complaint] of [
    ['export const other = 1', /exports no service; add "export const service = /],
    ['export default 5', /is no object/],
    ['export default {}', /has no appProtoId/],
    ['export default { appProtoId: 1, name: "A b" }', /has no name of small letters/],
    ['export default { appProtoId: 1, name: "a" }', /says neither access: 'open' nor 'capability'/],
    ['export default { appProtoId: 1, name: "a", access: "open" }', /has no onRequest/],
    ['import "nothing-of-this-name"', /cannot load the service .*nothing-of-this-name/],
    ['this is no JavaScript', /cannot load the service/],
    ['throw new Error("on purpose")', /cannot load the service .*on purpose/],
  ] as const) {
    await t.rejects(load(source), { name: 'ConfigError', message: complaint });
  }
  const missing = await run(['start', '--service', 'missing.js']);
  t.equal(missing.code, 2);
  t.match(missing.stderr, /^omnigate: cannot load the service .*missing\.js/);
});

await t.test('what a person sees, and what a machine reads', async (t) => {
  const node = await start();
  while (!node.stderr().endsWith('at once.\n')) await new Promise((resolve) => setTimeout(resolve, 10));
  t.match(node.stderr(), new RegExp(`Omnigate ${VERSION}, node [0-9A-Z]{26}\n  ${node.url}\n  ${node.admin} `));
  t.match(node.stderr(), `npx ronctl echo ${node.url} hello`);
  t.ok(node.log.every(({ level, time, node, boot }) => level !== undefined && time !== undefined && node !== undefined && boot !== undefined));
  node.child.kill('SIGINT');
  t.equal(await node.exited, 0);
  t.match(await node.event('NodeDraining'), { reason: 'SIGINT' });
  t.notOk(readdirSync(node.data).includes('node.lock'));

  const quiet = await start([], { OMNIGATE_LOG_FORMAT: 'json' });
  quiet.child.kill('SIGTERM');
  t.equal(await quiet.exited, 0);
  t.equal(quiet.stderr(), '', 'no banner where JSON is asked for');

  const output = new PassThrough();
  const logger = createLogger({ destination: new TextLog(output) });
  logger.child({ node: 'n', boot: 'b' }).info({ peer: '::1', count: 5, key: 'secret' }, 'hello');
  logger.error({ err: new Error('broken') }, 'failed');
  const text = String(output.read());
  t.match(text, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}hello peer=::1 count=5 key=\[secret\]\n/);
  t.match(text, /ERROR failed\nError: broken\n {4}at /);
});

await t.test('a second node, and a port that is taken', async (t) => {
  const node = await start();
  const second = await run(['start', '--data', node.data, '--oap', '127.0.0.1:0', '--admin', 'off']);
  t.equal(second.code, 1);
  t.match(second.stderr, new RegExp(`^omnigate: the data directory is in use by the node with pid ${node.child.pid ?? 0}; stop that node`));
  const taken = node.url.slice('oap://'.length);
  const port = await run(['start', '--data', join(elsewhere, 'other'), '--oap', taken, '--admin', 'off']);
  t.equal(port.code, 1);
  t.match(port.stderr, `omnigate: cannot listen on ${taken} (EADDRINUSE): another program listens there; stop it, or choose another port`);
  node.child.kill('SIGKILL');
  await node.exited;
  t.ok(existsSync(join(node.data, 'node.lock')), 'a killed node leaves its lock');
  const next = await start(['--data', node.data]);
  t.ok(next.url, 'which does not keep the next one out');
  next.child.kill('SIGTERM');
  t.equal(await next.exited, 0);
});

await t.test('signals', async (t) => {
  const path = moduleOf('slow.js', serviceSource(`0: () => new Promise((resolve) => setTimeout(resolve, 1500, 'done')), 1: () => new Promise(() => {})`));
  const node = await start(['--service', path]);
  const client = await connect({ url: node.url });
  const pending = client.request(40_000, 0);
  await client.ping();
  // Not twice the same: the operating system would make one of them.
  node.child.kill('SIGTERM');
  node.child.kill('SIGINT');
  const draining = await node.event('NodeDraining');
  t.equal(draining['inflight'], 1);
  t.equal((await fetch(`${node.admin}/readyz`, { headers: { connection: 'close' } })).status, 503);
  t.equal(Buffer.from((await pending).payload).toString(), 'done', 'an open request is answered, the second signal of one key press is none');
  await client.close();
  t.equal(await node.exited, 0);

  const stubborn = await start(['--service', path]);
  const other = await connect({ url: stubborn.url, retry: false });
  const lost = t.rejects(other.request(40_000, 1), { name: 'OapError', reason: 'connection_lost' });
  await other.ping();
  stubborn.child.kill('SIGTERM');
  await stubborn.event('NodeDraining');
  await new Promise((resolve) => setTimeout(resolve, SIGNAL_REPEAT_MS + 100));
  stubborn.child.kill('SIGTERM');
  t.equal(await stubborn.exited, 1, 'a second signal stops at once');
  await lost;
  await other.close();
  t.notOk(readdirSync(stubborn.data).includes('node.lock'), 'and gives the directory back');

  const late = await start(['--service', path], { OMNIGATE_DRAIN_ACCEPT_MS: '0', OMNIGATE_DRAIN_TIMEOUT_MS: '300' });
  const third = await connect({ url: late.url, retry: false });
  const cut = t.rejects(third.request(40_000, 1), { name: 'OapError', reason: 'connection_lost' });
  await third.ping();
  late.child.kill('SIGTERM');
  t.equal(await late.exited, 1, 'requests that were cut off are a failure');
  await cut;
  await third.close();

  const reloaded = await start();
  reloaded.child.kill('SIGHUP');
  const survivor = await connect({ url: reloaded.url });
  t.ok((await survivor.ping()) > 0, 'SIGHUP ends nothing');
  await survivor.close();
  reloaded.child.kill('SIGTERM');
  t.equal(await reloaded.exited, 0);
});

await t.test('in a terminal', async (t) => {
  const data = join(elsewhere, 'terminal');
  const script = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
while b'at once.' not in seen:
    seen += os.read(terminal, 4096)
os.close(terminal)
print(seen.decode())
print('ended with', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
  const args = [process.execPath, OMNIGATE, 'start', '--data', data, '--oap', '127.0.0.1:0', '--admin', 'off'];
  const child = spawn('python3', ['-c', script, ...args], { env: environment({}), timeout: START_TIMEOUT_MS });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  t.match(output, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}node takes requests version=/m, 'the log is for people');
  t.match(output, 'ended with -1', 'closing the terminal stops the node, by that signal');
  t.notOk(readdirSync(data).includes('node.lock'));
});

await t.test('what nobody caught ends the process', async (t) => {
  for (const [what, code] of [
    ['uncaught exception', `setTimeout(() => { throw new Error('on purpose'); }, 10)`],
    ['unhandled rejection', `void Promise.reject(new Error('on purpose'))`],
  ] as const) {
    const path = moduleOf(`${what.slice(0, 8)}.js`, serviceSource(`0: () => { ${code}; return 'ok'; }`));
    const node = await start(['--service', path]);
    const client = await connect({ url: node.url, retry: false });
    await client.request(40_000, 0);
    t.equal(await node.exited, 1, what);
    t.match(node.log.at(-1), { level: 60, msg: what, err: { message: 'on purpose' } });
    await client.close();
    t.notOk(readdirSync(node.data).includes('node.lock'), 'the directory is given back');
  }
});

await t.test('port 0 is not the only free one', async (t) => {
  const probe = createServer().listen(0, '::1');
  const free = await new Promise<number | undefined>((resolve) => {
    probe.once('listening', () => {
      resolve((probe.address() as AddressInfo).port);
    });
    probe.once('error', () => {
      resolve(undefined);
    });
  });
  probe.close();
  if (free === undefined) return;
  const node = await start(['--oap', `[::1]:${free}`]);
  t.equal(node.url, `oap://[::1]:${free}`);
  const client = await connect({ url: node.url });
  t.equal(Buffer.from(await client.echo(new TextEncoder().encode('v6'))).toString(), 'v6');
  await client.close();
  node.child.kill('SIGTERM');
  t.equal(await node.exited, 0);
});
