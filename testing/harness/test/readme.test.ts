import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { cleanEnvironment } from '../src/index.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
/** Building what changed, on a busy machine. */
const START_TIMEOUT_MS = 90_000;
/** Every setting is as in the README but for ports and data, which other nodes on this machine may use, and for how busy it may be. */
const quiet = { OMNIGATE_OAP: '127.0.0.1:0', OMNIGATE_ADMIN: '127.0.0.1:0', OMNIGATE_LOAD_SHEDDING: 'off' };

// Below the root, where modules find our packages and npx our commands, as in the root itself.
const folder = mkdtempSync(join(root, '.readme-'));
const running = new Set<ChildProcess>();
t.teardown(() => {
  for (const child of running) if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

/** Contents of the fenced blocks of a language. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(([, content = '']) => content);

/** The one command of the README that contains `part`. */
function command(part: string): string {
  const found = blocks('sh')
    .flatMap((block) => block.trim().split('\n'))
    .filter((line) => line.includes(part));
  if (found.length !== 1) throw new Error(`the README has ${found.length} commands with ${part}`);
  return found[0] ?? '';
}

/** Runs a command in a shell, in a process group of its own. */
function shell(line: string, cwd: string, env: Record<string, string>) {
  const kept = Object.entries(cleanEnvironment(env)).filter(([name]) => !/^(NX_|npm_)/.test(name) || name in env);
  // Without `exec` the shell would stand between, and die of the signal in its own way.
  const child = spawn(`exec ${line}`, { shell: true, cwd, env: Object.fromEntries(kept), detached: true });
  running.add(child);
  let output = '';
  let look = (): void => undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      look();
    });
  }
  const exited = new Promise<number | null>((resolve) => {
    child.on('close', (code) => {
      running.delete(child);
      look();
      resolve(code);
    });
  });
  return {
    exited,
    output: () => output,
    /** Waits for a line of output. */
    async line(pattern: RegExp): Promise<RegExpExecArray> {
      const lateMs = performance.now() + START_TIMEOUT_MS;
      for (;;) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        if (!running.has(child) || performance.now() > lateMs) throw new Error(`${line} never said ${String(pattern)}:\n${output}`);
        await new Promise<void>((resolve) => {
          look = resolve;
          setTimeout(resolve, 1_000);
        });
      }
    },
    /** What Ctrl-C does: the whole group gets the signal. */
    interrupt(): void {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
    },
  };
}

async function output(line: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { exited, output } = shell(line, cwd, env);
  if ((await exited) !== 0) throw new Error(`${line} failed:\n${output()}`);
  return output();
}

await t.test('npm start, and a first echo', { timeout: 120_000 }, async (t) => {
  t.equal(command('npm start'), 'npm ci && npm start');
  t.equal(command('npm test'), 'npm ci && npm test');
  const node = shell('npm start', root, { ...quiet, OMNIGATE_DATA: join(folder, 'data') });
  const [, url = ''] = await node.line(/^ {2}(oap:\/\/\S+)$/m);
  await node.line(/second one stops at once/);
  const env = { RON_NODE_URL: url };
  t.match(await output(command('ronctl echo'), root, env), /^hello$/m);
  t.match(await output('npx ronctl hello', root, env), /^server +omnigate\//m);
  node.interrupt();
  t.equal(await node.exited, 0, 'Ctrl-C under npm is one signal');
});

await t.test('a service of one\'s own', { timeout: 120_000 }, async (t) => {
  const files = new Map(blocks('js').map((content) => [/^\/\/ (\S+)\n/.exec(content)?.[1] ?? '', content]));
  t.same([...files.keys()], ['hello-service.js', 'hello-client.js', 'embedded.js']);
  for (const [name, content] of files) writeFileSync(join(folder, name), content);
  const lines = ['hello-service.js', 'hello-client.js'].map((name) => files.get(name)?.trim().split('\n').length ?? 0);
  t.ok(lines.reduce((sum, count) => sum + count, 0) < 40, 'in under 40 lines');

  const node = shell(command('omnigate start'), folder, quiet);
  const [, url = ''] = await node.line(/^ {2}(oap:\/\/\S+)$/m);
  await node.line(/second one stops at once/);
  t.equal(await output(command('hello-client'), folder, { RON_NODE_URL: url }), 'hello world\n');
  node.interrupt();
  // npx and its shell may die of the signal, but not the node: it drains.
  await node.exited;
  t.match(node.output(), /"event":"NodeStopped"/);
  t.match(await output('node embedded.js', folder), /^oap:\/\/127\.0\.0\.1:\d+$/m);
});
