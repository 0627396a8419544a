import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

import { Campaign } from '../src/campaign.ts';
import { Folder, folderOf, keepInput, readInputs, replaceInputs } from '../src/engine/input-files.ts';
import { Turn } from '../src/turn.ts';
import type { FoundMessage } from '../src/turn-messages.ts';

const REGISTRY = new URL('./toy-targets.ts', import.meta.url).href;
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
/** Longest wait for a thread that is to be ended. */
const TURN_MS = 60_000;

/** Toy targets leave nothing behind. */
function forget(target: string): void {
  for (const folder of Object.values(Folder)) rmSync(folderOf(folder, target), { recursive: true, force: true });
}

await t.test('a campaign finds the planted fault, keeps the input, and says how to run it again', async (t) => {
  t.teardown(() => { forget('planted'); });
  const lines: string[] = [];
  const campaign = new Campaign(['planted'], 1, (line) => {
    lines.push(line);
    if (line.startsWith('FOUND')) campaign.stop();
  }, REGISTRY);
  t.ok((await campaign.run(2)) > 0);
  t.match(lines[0], /^seed 1, 2 minutes/);
  t.match(lines.find((line) => line.startsWith('FOUND')), /FOUND planted: exception: TypeError: planted/);
  t.match(lines.join('\n'), /npm run fuzz -- --target planted --replay testing\/fuzz\/crashes\/planted\/[0-9a-f]{32}/);
  t.ok(readInputs(Folder.CRASHES, 'planted').length > 0);
  t.ok(readInputs(Folder.FOUND, 'planted').length > 0, 'what leads there is kept too');
  t.match(lines.at(-1), /^all +1 +[\d,]+/);
});

await t.test('an endless run and one that takes all memory are findings, and their inputs are kept', async (t) => {
  for (const [target, oracle, hangCpuMs] of [['endless', 'hang', 500], ['greedy', 'memory', TURN_MS], ['broken', 'thread', TURN_MS]] as const) {
    t.teardown(() => { forget(target); });
    const found: FoundMessage[] = [];
    const order = { registry: REGISTRY, target, seed: 1, untilMs: Date.now() + TURN_MS, known: [], select: false };
    await new Turn(order, { found: (message) => found.push(message), skipped: () => undefined }, hangCpuMs).ended;
    t.match(found, [{ oracle }], target);
    if (target !== 'broken') t.same(readInputs(Folder.CRASHES, target), [Uint8Array.of(1)], target);
  }
});

await t.test('inputs are files called by what is in them', (t) => {
  t.teardown(() => { forget('files'); });
  const path = keepInput(Folder.CRASHES, 'files', Uint8Array.of(1, 2));
  t.equal(keepInput(Folder.CRASHES, 'files', Uint8Array.of(1, 2)), path, 'once');
  keepInput(Folder.CRASHES, 'files', Uint8Array.of(3));
  t.equal(readInputs(Folder.CRASHES, 'files').length, 2);
  replaceInputs(Folder.CRASHES, 'files', [Uint8Array.of(4)]);
  t.same(readInputs(Folder.CRASHES, 'files'), [Uint8Array.of(4)]);
  t.equal(readdirSync(folderOf(Folder.CRASHES, 'files')).length, 1);
  t.same(readInputs(Folder.CORPUS, 'nowhere'), []);
  t.end();
});

await t.test('the command runs, ends when it is asked to, and says what was wrong with a call', async (t) => {
  const run = async (args: readonly string[], interruptAt?: RegExp) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let interrupted = false;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        // Once: a second signal ends it where it is.
        if (interrupted || interruptAt?.test(output) !== true) return;
        interrupted = true;
        child.kill('SIGINT');
      });
    }
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output };
  };
  const long = await run(['--minutes', '60', '--target', 'caveat', '--seed', '5'], /runs [1-9]/);
  t.equal(long.code, 0, long.output);
  t.match(long.output, /^seed 5, 60 minutes, targets caveat\n/);
  t.match(long.output, /\nall +1 +[\d,]+/);
  const replayed = await run(['--target', 'caveat', '--replay', fileURLToPath(import.meta.url)]);
  t.equal(replayed.code, 0, replayed.output);
  t.match(replayed.output, /nothing is wrong with these \d+ bytes/);
  for (const args of [['--minutes', 'x'], ['--target', 'nothing', '--seed', '-1']]) t.match(await run(args), { code: 2, output: /Targets: decoder/ }, args.join(' '));
  t.match(await run(['--help']), { code: 0, output: /--minutes/ });
});
