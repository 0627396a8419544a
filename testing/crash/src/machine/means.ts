import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TemporaryFolder } from '@omnigate/harness';
import { Faults } from './faults.ts';
import { LoopFilesystem } from './loop-filesystem.ts';

const TRIAL_BYTES = 8_388_608;

/** What a loop needs of the machine beside Node.js. */
export type Means = 'power cuts' | 'fault injection';

const trials: Readonly<Record<Means, () => Promise<void>>> = { 'power cuts': tryPowerCut, 'fault injection': tryFaults };
const tried = new Map<Means, Promise<string | undefined>>();

/** Why this machine cannot do what is needed, for everybody to read; `undefined` when it can. Each is tried in earnest, once. */
export async function whyNot(needed: readonly Means[]): Promise<string | undefined> {
  for (const means of needed) {
    const trial = tried.get(means) ?? attempt(means);
    tried.set(means, trial);
    const reason = await trial;
    if (reason !== undefined) return reason;
  }
  return undefined;
}

async function attempt(means: Means): Promise<string | undefined> {
  try {
    await trials[means]();
    return undefined;
  } catch (error) {
    return `NOT TESTED, this machine has no ${means}: ${(error as Error).message}`;
  }
}

async function tryPowerCut(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('a filesystem on a loop device needs root');
  await using disk = await LoopFilesystem.create(TRIAL_BYTES);
  await writeFile(join(disk.path, 'trial'), 'trial');
  await disk.cut();
  await disk.restore();
}

async function tryFaults(): Promise<void> {
  if (process.platform !== 'linux') throw new Error('they are put under a process by LD_PRELOAD, on Linux only');
  using folder = new TemporaryFolder();
  (await Faults.create(folder.path))[Symbol.dispose]();
}
