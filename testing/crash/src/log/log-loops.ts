import { TemporaryFolder } from '@omnigate/harness';
import { CONTROL_ROUNDS, DISK_BYTES, LOG_ROUNDS } from '../bounds.ts';
import type { Loop } from '../loop.ts';
import { Faults } from '../machine/faults.ts';
import { LoopFilesystem } from '../machine/loop-filesystem.ts';
import { cuttingPower, killing, runRounds } from '../rounds.ts';
import { LogSubject } from './log-subject.ts';

/** The harness tried on a program that is right, and on one that is not. */
export const logLoops: readonly Loop[] = [
  {
    name: 'log: power cut',
    needs: ['power cuts'],
    rounds: LOG_ROUNDS,
    async run(rounds) {
      await using disk = await LoopFilesystem.create(DISK_BYTES);
      const tally = await runRounds(new LogSubject(), cuttingPower(disk), { rounds });
      await disk.check();
      return tally;
    },
  },
  {
    name: 'log: power cut, flushes off',
    needs: ['power cuts', 'fault injection'],
    rounds: CONTROL_ROUNDS,
    mustLose: true,
    async run(rounds) {
      await using disk = await LoopFilesystem.create(DISK_BYTES);
      using faults = await Faults.create(disk.path);
      faults.flushing = false;
      return await runRounds(new LogSubject(), cuttingPower(disk), { rounds, env: faults.env });
    },
  },
  {
    // A kill is no loss of power: it finds nothing here, and this loop says so.
    name: 'log: kill -9, flushes off',
    needs: ['fault injection'],
    rounds: LOG_ROUNDS,
    async run(rounds) {
      using folder = new TemporaryFolder();
      using faults = await Faults.create(folder.path);
      faults.flushing = false;
      return await runRounds(new LogSubject(), killing(folder.path), { rounds, env: faults.env });
    },
  },
];
