import { TemporaryFolder } from '@omnigate/harness';
import { CONTROL_ROUNDS, DISK_BYTES, ROUNDS } from '../bounds.ts';
import type { Loop } from '../loop.ts';
import { Faults } from '../machine/faults.ts';
import { LoopFilesystem } from '../machine/loop-filesystem.ts';
import { MailboxWorkload } from '../mailbox/mailbox-workload.ts';
import { cuttingPower, killing, runRounds } from '../rounds.ts';
import { StorageWorkload } from '../storage/storage-workload.ts';
import { Tally } from '../tally.ts';
import { NodeSubject } from './node-subject.ts';

/** All that a node stores is crashed at once: a round costs a start of the node. */
export function nodeWithEverything(): NodeSubject {
  return new NodeSubject('node', [new MailboxWorkload(), new StorageWorkload()]);
}

export const nodePowerCut: Loop = {
  name: 'node: power cut',
  needs: ['power cuts'],
  rounds: ROUNDS,
  async run(rounds) {
    await using disk = await LoopFilesystem.create(DISK_BYTES);
    const tally = await runRounds(nodeWithEverything(), cuttingPower(disk), { rounds });
    await disk.check();
    return tally;
  },
};

export const nodeKill: Loop = {
  name: 'node: kill -9',
  needs: [],
  rounds: ROUNDS,
  async run(rounds) {
    using folder = new TemporaryFolder();
    return await runRounds(nodeWithEverything(), killing(folder.path), { rounds });
  },
};

/**
 * Each round has a disk of its own. A first run of the node, which flushes,
 * sets everything up; only what is acknowledged in a second one can be lost.
 */
export const nodePowerCutUnflushed: Loop = {
  name: 'node: power cut, flushes off',
  needs: ['power cuts', 'fault injection'],
  rounds: CONTROL_ROUNDS,
  mustLose: true,
  async run(rounds) {
    const tally = new Tally();
    for (let round = 0; round < rounds; round++) {
      await using disk = await LoopFilesystem.create(DISK_BYTES);
      using faults = await Faults.create(disk.path);
      const beforeStart = (start: number): void => {
        faults.flushing = start !== 1;
      };
      tally.add(await runRounds(nodeWithEverything(), cuttingPower(disk), { rounds: 2, env: faults.env, beforeStart }));
    }
    return tally;
  },
};
