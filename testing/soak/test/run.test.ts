import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, TemporaryFolder } from '@omnigate/harness';
import t from 'tap';

const DIST = new URL('../dist/', import.meta.url);
const MAIN = fileURLToPath(new URL('main.js', DIST));
const LEAKY = fileURLToPath(new URL('services/leaky-service.js', DIST));
/** Load after which a Ctrl-C ends the run, milliseconds: enough samples for a slope. */
const LOAD_MS = 6_000;

await t.test('a service that leaks is found in a short run, which a Ctrl-C ends early with its report', async (t) => {
  using folder = new TemporaryFolder();
  const out = folder.file('report');
  const args = [MAIN, '--minutes', '0.15', '--profile', 'mailbox', '--rate', '50', '--seed', '1', '--service', LEAKY, '--out', out];
  const soak = spawn(process.execPath, args, { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => soak.kill('SIGKILL'));
  const output = { out: '', err: '' };
  soak.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()));
  soak.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => soak.once('close', resolve));
  const samples = `${out}/samples.ndjson`;
  while (!existsSync(samples) || readFileSync(samples, 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 100));
  setTimeout(() => soak.kill('SIGINT'), LOAD_MS);
  t.equal(await exited, 1, output.err);
  t.match(output.out, /ended early of 0:00:09/);
  const failed = [...output.out.matchAll(/^FAIL (.*?): \d/gm)].map(([, name]) => name);
  t.same(failed, ['steady: descriptors left over', 'steady: memory', 'steady: open descriptors'], output.out);
  t.match(output.out, /left open: \/dev\/null, \d+ times/);
  t.equal(readFileSync(`${out}/soak.txt`, 'utf8'), output.out.replace(/\nPlots: .*\n$/, ''));
  t.match(readFileSync(`${out}/soak.html`, 'utf8'), /<svg /);
});
