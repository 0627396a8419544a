import { parseArgs } from 'node:util';
import { logLoops } from './log/log-loops.ts';
import { complaints } from './loop.ts';
import type { Loop } from './loop.ts';
import { whyNot } from './machine/means.ts';
import { nodeDiskFull } from './node/disk-full.ts';
import { nodeClock, nodeIoErrors } from './node/fault-loops.ts';
import { nodeKill, nodePowerCut, nodePowerCutUnflushed } from './node/node-loops.ts';

const loops: readonly Loop[] = [...logLoops, nodePowerCut, nodeKill, nodePowerCutUnflushed, nodeIoErrors, nodeClock, nodeDiskFull];

const USAGE = `Usage: npm run crash -- [--rounds N] [part of a loop's name ...]

Crashes what stores, at random moments, and compares what is left with what was
acknowledged. Power cuts need root and loop devices; faults need gcc.

Loops:
${loops.map(({ name, rounds }) => `  ${name} (${rounds} rounds unless told)`).join('\n')}
`;

process.exitCode = await main();

/** 0: nothing was lost; 1: something was; 2: wrong call. Loops that cannot run here do not count. */
async function main(): Promise<number> {
  const call = readArguments();
  if (call === undefined) return 2;
  const chosen = loops.filter(({ name }) => call.names.length === 0 || call.names.some((part) => name.includes(part)));
  if (chosen.length === 0) {
    process.stderr.write(`No loop is called ${call.names.join(' or ')}.\n\n${USAGE}`);
    return 2;
  }
  let failed = false;
  for (const loop of chosen) failed = !(await runLoop(loop, call.rounds)) || failed;
  return failed ? 1 : 0;
}

async function runLoop(loop: Loop, asked = loop.rounds): Promise<boolean> {
  // A control shows what it has to in its first rounds.
  const rounds = loop.mustLose === true ? loop.rounds : asked;
  const reason = await whyNot(loop.needs);
  if (reason !== undefined) {
    process.stdout.write(`SKIP ${loop.name}: ${reason}\n`);
    return true;
  }
  const startMs = performance.now();
  const tally = await loop.run(rounds);
  const wrong = complaints(loop, tally);
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  const expected = loop.mustLose === true ? ' (control: must lose)' : '';
  process.stdout.write(`${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${loop.name}${expected}: ${rounds} rounds, ${String(tally)}, ${seconds} s\n`);
  for (const complaint of wrong) process.stdout.write(`     ${complaint}\n`);
  return wrong.length === 0;
}

function readArguments(): { readonly names: readonly string[]; readonly rounds: number | undefined } | undefined {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string' }, help: { type: 'boolean' } } });
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) throw new Error(`--rounds takes a number from 1, not ${values.rounds ?? ''}.`);
    if (values.help !== true) return { names: positionals, rounds };
    process.stdout.write(USAGE);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
  }
  return undefined;
}
