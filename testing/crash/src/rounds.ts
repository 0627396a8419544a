import { setTimeout as sleep } from 'node:timers/promises';
import { LOAD_MS_MAX, LOAD_MS_MIN } from './bounds.ts';
import type { LoopFilesystem } from './machine/loop-filesystem.ts';
import type { Running, Subject } from './subject.ts';
import type { Tally } from './tally.ts';

/** Where a subject stores, and how it crashes there. */
export interface Place {
  readonly path: string;
  crash(running: Running): Promise<void>;
}

/** kill -9: what the process wrote stays, since the machine goes on. */
export function killing(path: string): Place {
  return { path, crash: (running) => running.kill() };
}

/** Loss of power: the process ends, and what was not flushed is gone. */
export function cuttingPower(disk: LoopFilesystem): Place {
  return {
    path: disk.path,
    async crash(running) {
      await disk.cut(running.pid);
      await running.kill();
      await disk.restore();
    },
  };
}

/** How a loop goes. */
export interface RoundsOptions {
  readonly rounds: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Called before the subject starts, the last time with `rounds`. */
  readonly beforeStart?: (round: number) => void;
  /** Called when it has been checked, before its load. */
  readonly beforeLoad?: (round: number) => void;
}

/** Starts, checks, loads and crashes a subject, over and over at random moments, and checks what is left. */
export async function runRounds(subject: Subject, place: Place, { rounds, env, beforeStart, beforeLoad }: RoundsOptions): Promise<Tally> {
  for (let round = 0; round <= rounds; round++) {
    beforeStart?.(round);
    const running = await startAgain(subject, place, env);
    if (running === undefined) break;
    try {
      if (!(await checked(running, subject.tally)) || round === rounds) break;
      beforeLoad?.(round);
      await running.load();
      await sleep(LOAD_MS_MIN + Math.random() * (LOAD_MS_MAX - LOAD_MS_MIN));
      await place.crash(running);
    } finally {
      await running.kill();
    }
  }
  return subject.tally;
}

/** What does not start on what the crash left has lost all it ever acknowledged. */
async function startAgain(subject: Subject, place: Place, env: RoundsOptions['env']): Promise<Running | undefined> {
  const { tally } = subject;
  try {
    return await subject.start(place.path, env);
  } catch (error) {
    if (tally.acknowledged === 0) throw error;
    tally.count('lost', `it does not start any more: ${(error as Error).message}`);
    tally.lost = Math.max(tally.lost, tally.acknowledged);
    return undefined;
  }
}

/** False, and counted, when the check itself failed: the subject did not answer as it should. */
async function checked(running: Running, tally: Tally): Promise<boolean> {
  try {
    await running.check();
    return true;
  } catch (error) {
    if (tally.acknowledged === 0) throw error;
    tally.count('wrong', `it cannot be checked: ${(error as Error).message}`);
    return false;
  }
}
