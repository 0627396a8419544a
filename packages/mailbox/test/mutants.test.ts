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
const BROKER = 'test/broker.test.ts';

interface Mutant {
  readonly name: string;
  readonly file: string;
  /** What is changed; it must be there once. */
  readonly from: RegExp;
  readonly to: string;
  /** The test that must notice, and its file. */
  readonly caughtBy: string;
  readonly tests: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'no flush',
    file: 'src/store/journal.ts',
    from: /^ *fdatasyncSync\(this\.#fd\);\n/gm,
    to: '',
    caughtBy: 'rule 1: a step on disk is written and then flushed, once, before it is answered',
    tests: RULES,
  },
  {
    name: 'no fencing',
    file: 'src/broker/settle.ts',
    from: /slot\??\.generation === generation/g,
    to: 'slot',
    caughtBy: 'rule 4: a superseded receipt changes nothing',
    tests: RULES,
  },
  {
    name: 'no index of keys',
    file: 'src/broker/send.ts',
    from: /!isForgotten\(earlier, flow\.nowMs\)/g,
    to: 'isForgotten(earlier, 0)',
    caughtBy: 'rule 6: a key gives one id within its window, also after the ACK and after a crash',
    tests: RULES,
  },
  {
    name: 'a dead letter that moves in two commits',
    file: 'src/broker/flow.ts',
    from: /this\.#drop\(topic, id, slot, 'dead_lettered'\);/g,
    to: "this.#drop(topic, id, slot, 'dead_lettered');\n    this.#store.commit();",
    caughtBy: 'rule 5: a dead letter moves as a whole, and keeps source, reason and count',
    tests: RULES,
  },
  {
    name: 'a subscription that keeps its leases when it ends',
    file: 'src/broker/receivers.ts',
    from: /(if \(slot !== undefined\)) this\.#flow\.endLease\(topic, id, decodeSlot\(slot\), key, 'released'\);/g,
    to: '$1 decodeSlot(slot);',
    caughtBy: 'a subscription has as many leases as it asked for, and they end with it',
    tests: BROKER,
  },
  {
    name: 'room for as many as before, whatever is leased',
    file: 'src/broker/receivers.ts',
    from: /messagesMax - receiver\.held\.size/g,
    to: 'messagesMax',
    caughtBy: 'a subscription has as many leases as it asked for, and they end with it',
    tests: BROKER,
  },
  {
    name: 'deliveries that count though they never left',
    file: 'src/broker/flow.ts',
    from: /slot\.deliveries--;/g,
    to: '',
    caughtBy: 'what never left counts no delivery',
    tests: BROKER,
  },
];

/** Runs a file of tests against a copy of the package, changed or not; the names of those that failed, or why none ran. */
async function failuresOf(tests: string, mutant?: Mutant): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-mutant-'));
  try {
    for (const name of ['src', 'test', 'package.json']) cpSync(join(PACKAGE, name), join(folder, name), { recursive: true });
    symlinkSync(join(PACKAGE, '../../node_modules'), join(folder, 'node_modules'));
    if (mutant !== undefined) mutate(folder, mutant);
    const output = await run(folder, tests, mutant?.caughtBy);
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

/** With the loaders of this process: all tests, or the one of that name. What it prints is TAP. */
function run(folder: string, tests: string, name?: string): Promise<string> {
  const inherited = Object.entries(process.env).filter(([variable]) => !variable.startsWith('TAP'));
  const env = { ...Object.fromEntries(inherited), ...(name === undefined ? {} : { TAP_GREP: `^${name}$` }) };
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...process.execArgv, join(folder, tests)], { cwd: folder, env });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', () => {
      resolve(output);
    });
  });
}

await t.test('the copy that is not changed passes', { timeout: 0 }, async (t) => {
  t.same(await failuresOf(RULES), []);
});

for (const mutant of MUTANTS) {
  await t.test(`${mutant.name} is caught`, { timeout: 0 }, async (t) => {
    const failures = await failuresOf(mutant.tests, mutant);
    t.ok(failures.includes(mutant.caughtBy), `by "${mutant.caughtBy}"; failed: ${failures.join(', ') || 'nothing'}`);
  });
}
