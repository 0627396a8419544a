import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cleanEnvironment, startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import t from 'tap';
import { HELP, readOptions } from '../src/options.ts';

const run = promisify(execFile);

const root = fileURLToPath(new URL('../../../', import.meta.url));
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
/** Building what changed, and cutting tiles, on a busy machine. */
const START_TIMEOUT_MS = 90_000;

/** The one command of the README that contains `part`. */
function command(part: string): string {
  const blocks = [...readme.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, content = '']) => content);
  const found = blocks.flatMap((block) => block.trim().split('\n')).filter((line) => line.includes(part));
  if (found.length !== 1) throw new Error(`the README has ${found.length} commands with ${part}`);
  return found[0] ?? '';
}

/** The environment of a terminal, without what would make npm behave like the one that runs this test. */
function environment(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(cleanEnvironment(env)).filter(([name]) => !/^(NX_|npm_)/.test(name)));
}

/** Runs a command in a shell, as a process group of its own, until the map is there. */
async function mapOf(line: string, env: Record<string, string>) {
  const child = spawn(line, { shell: true, cwd: root, env: environment(env), detached: true });
  const signal = (name: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, name);
  };
  let output = '';
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      signal('SIGKILL');
    }, START_TIMEOUT_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        const [, found] = /^Open (\S+) in a browser/m.exec(output) ?? [];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      });
    }
    void exited.then((code) => {
      clearTimeout(timer);
      reject(new Error(`it ended with ${String(code)}:\n${output}`));
    });
  });
  return {
    url,
    output: () => output,
    /** Ctrl-C: the whole group gets the signal. */
    async stop(): Promise<number | null> {
      signal('SIGINT');
      return exited;
    },
  };
}

await t.test('one command for a first look', { timeout: 120_000 }, async (t) => {
  using folder = new TemporaryFolder();
  const map = await mapOf(`exec ${command('npm run map')} -- --listen 127.0.0.1:0 --zoom 2 --data ${folder.path}`, {});
  t.match(await (await fetch(map.url)).text(), /<title>The world, out of a store<\/title>/);
  t.equal(await map.stop(), 0, 'Ctrl-C under npm is one signal');
});

await t.test('beside a node: tiles go in once, and a second run finds them', { timeout: 120_000 }, async (t) => {
  using folder = new TemporaryFolder();
  const data = folder.file('node');
  await using node = await startNodeProcess({ data });
  const { stdout } = await run('sh', ['-c', `${command('RON_CAP')}; printf %s "$RON_CAP"`], { cwd: root, env: environment({ OMNIGATE_DATA: data }) });
  const env = { RON_NODE_URL: node.url, RON_CAP: stdout };
  const lines = `exec ${command('dist/main.js')} --listen 127.0.0.1:0 --zoom 3 --data ${folder.file('tiles')}`;
  const first = await mapOf(lines, env);
  t.match(first.output(), /^Put \d+ tiles, [\d.,]+ tiles\/s, [\d.]+ MB\/s, p50 [\d.]+ ms, p99 [\d.]+ ms; 0 were there already\.$/m);
  const { tiles: [template = ''] = [] } = (await (await fetch(`${first.url}tileset.json`)).json()) as { tiles?: string[] };
  const tile = template.slice(1).replace('{z}/{x}/{y}', '3/4/2');
  const bytes = await (await fetch(`${first.url}${tile}`)).arrayBuffer();
  t.ok(bytes.byteLength > 1_000);
  t.equal(await first.stop(), 0);
  t.match(first.output(), /^Served 1 tiles, [\d.]+ tiles\/s, [\d.]+ MB\/s, p50 [\d.]+ ms, p99 [\d.]+ ms\.$/m);

  const second = await mapOf(lines, env);
  t.match(second.output(), /^The store has all \d+ tiles; nothing was put\.$/m);
  t.notMatch(second.output(), /^(Cut|Put) /m);
  t.same(await (await fetch(`${second.url}${tile}`)).arrayBuffer(), bytes, 'under the same URL');
  t.equal(await second.stop(), 0);
});

await t.test('says what is wrong, and what to do', async (t) => {
  const call = (args: string): Promise<unknown> => mapOf(`exec ${command('dist/main.js')} ${args}`, { RON_NODE_URL: 'oap://127.0.0.1:1' });
  await Promise.all([
    t.rejects(call('--zoom 7'), /ended with 2:[^]*--zoom takes 0 to 6, and not 7[^]*--help/),
    t.rejects(call(''), /ended with 1:[^]*127\.0\.0\.1:1[^]*--own-node/),
  ]);
  t.match(HELP, /--own-node/);
  t.equal(readOptions(['-h']), undefined);
  t.match(readOptions(['--listen', '[::1]:80']), { listen: { host: '::1', port: 80 }, zoomMax: 6, ownNode: false });
  for (const [args, message] of [
    [['--listen', 'nowhere'], /HOST:PORT/],
    [['--listen', '127.0.0.1:65536'], /HOST:PORT/],
    [['--fast'], /--fast/],
    [['--own-node', '--token-file', 'token'], /--token-file/],
  ] as const) {
    t.throws(() => readOptions(args), { name: 'UsageError', message });
  }
});
