import { readFileSync } from 'node:fs';
import { asFinding, runInput } from './engine/runner.ts';
import type { Finding } from './engine/target.ts';
import { TARGETS } from './targets.ts';
import type { TargetName } from './targets.ts';

/** Runs one input against all oracles and says what is wrong. @returns whether nothing is */
export async function replay(name: TargetName, path: string): Promise<boolean> {
  const input = new Uint8Array(readFileSync(path));
  const target = await TARGETS[name]();
  let { finding } = runInput(target, input);
  if (finding === undefined && target.compareSkipped !== undefined) process.stdout.write(`SKIP ${target.compareSkipped}\n`);
  if (finding === undefined) finding = await compared(() => target.compare?.(input));
  target.close?.();
  process.stdout.write(finding === undefined ? `${name}: nothing is wrong with these ${input.length} bytes\n` : `${name}: ${finding.oracle}: ${finding.message}\n`);
  if (finding?.cause instanceof Error) process.stdout.write(`${finding.cause.stack ?? ''}\n`);
  return finding === undefined;
}

async function compared(compare: () => Promise<void> | undefined): Promise<Finding | undefined> {
  try {
    await compare();
    return undefined;
  } catch (thrown) {
    return asFinding(thrown);
  }
}
