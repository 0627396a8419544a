import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

/**
 * Whether the tests of the promises notice when one is broken: each is run
 * against a copy of the package in which one line is wrong, and must fail.
 */

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const RULES = 'test/rules.test.ts';

interface Mutant {
  readonly name: string;
  readonly file: string;
  /** What is changed; it must be there once. */
  readonly from: RegExp;
  readonly to: string;
  /** The test that must notice. */
  readonly caughtBy: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'no flush',
    file: 'src/store/journal.ts',
    from: /^ *fdatasyncSync\(this\.#fd\);\n/gm,
    to: '',
    caughtBy: 'rule 1: a step on disk is written and then flushed, once, before it is answered',
  },
  {
    name: 'no fencing',
    file: 'src/broker/settle.ts',
    from: /slot\??\.generation === generation/g,
    to: 'slot',
    caughtBy: 'rule 4: a superseded receipt changes nothing',
  },
  {
    name: 'no index of keys',
    file: 'src/broker/send.ts',
    from: /!isForgotten\(earlier, flow\.nowMs\)/g,
    to: 'isForgotten(earlier, 0)',
    caughtBy: 'rule 6: a key gives one id within its window, also after the ACK and after a crash',
  },
  {
    name: 'a dead letter that moves in two commits',
    file: 'src/broker/flow.ts',
    from: /this\.#drop\(topic, id, slot, 'dead_lettered'\);/g,
    to: "this.#drop(topic, id, slot, 'dead_lettered');\n    this.#store.commit();",
    caughtBy: 'rule 5: a dead letter moves as a whole, and keeps source, reason and count',
  },
];

/** Runs the tests of the rules against a copy of the package that was changed; the names of those that failed, or why none ran. */
async function failuresOf(mutant?: Mutant): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-mutant-'));
  try {
    for (const name of ['src', 'test', 'package.json']) cpSync(join(PACKAGE, name), join(folder, name), { recursive: true });
    symlinkSync(join(PACKAGE, '../../node_modules'), join(folder, 'node_modules'));
    if (mutant !== undefined) mutate(folder, mutant);
    const output = await run(folder);
    if (!/^1\.\.\d+$/m.test(output)) return [`nothing ran: ${output}`];
    return [...output.matchAll(/^not ok \d+ - (.*?)(?: # time=.*)?$/gm)].map(([, name = '']) => name);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function mutate(folder: string, { name, file, from, to }: Mutant): void {
  const path = join(folder, file);
  const source = readFileSync(path, 'utf8');
  const places = [...source.matchAll(from)].length;
  if (places !== 1) throw new Error(`${name}: ${String(from)} is ${places} times in ${file}; adapt the mutant to the source`);
  writeFileSync(path, source.replace(from, to));
}

/** With the loaders of this process. What it prints is TAP. */
function run(folder: string): Promise<string> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TAP')));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, join(folder, RULES)], { cwd: folder, env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', () => {
      resolve(output);
    });
  });
}

await t.test('the copy that is not changed passes', { timeout: 0 }, async (t) => {
  t.same(await failuresOf(), []);
});

for (const mutant of MUTANTS) {
  await t.test(`${mutant.name} is caught`, { timeout: 0 }, async (t) => {
    const failures = await failuresOf(mutant);
    t.ok(failures.includes(mutant.caughtBy), `by "${mutant.caughtBy}"; failed: ${failures.join(', ') || 'nothing'}`);
  });
}
