import { TemporaryFolder } from '@omnigate/harness';
import { CLOCK_SECONDS, FAULT_ROUNDS } from '../bounds.ts';
import type { Loop } from '../loop.ts';
import { Faults } from '../machine/faults.ts';
import { killing, runRounds } from '../rounds.ts';
import { nodeWithEverything } from './node-loops.ts';

/** The n-th write or flush under a node fails, for another n in each round; what it answered before and after that still holds. */
export const nodeIoErrors: Loop = {
  name: 'node: I/O error at the n-th call',
  needs: ['fault injection'],
  rounds: FAULT_ROUNDS,
  async run(rounds) {
    using folder = new TemporaryFolder();
    using faults = await Faults.create(folder.path);
    const subject = nodeWithEverything();
    await runRounds(subject, killing(folder.path), {
      rounds,
      env: faults.env,
      beforeStart: (round) => {
        if (round > 0 && faults.failed === 0) subject.tally.count('wrong', `nothing failed in round ${round}: ${faults.calls} calls`);
        faults.arm();
      },
      beforeLoad: (round) => {
        faults.arm({ call: round % 2 === 0 ? 'flush' : 'write', at: 1 + Math.floor(round / 2), error: 'EIO' });
      },
    });
    return subject.tally;
  },
};

/** The wall clock jumps forth and back while a node runs and while it is down. */
export const nodeClock: Loop = {
  name: 'node: clock jumps',
  needs: ['fault injection'],
  rounds: FAULT_ROUNDS,
  async run(rounds) {
    using folder = new TemporaryFolder();
    using faults = await Faults.create(folder.path);
    let jumps = 0;
    const jump = (): void => {
      faults.clockSeconds = CLOCK_SECONDS[jumps++ % CLOCK_SECONDS.length] ?? 0;
    };
    return await runRounds(nodeWithEverything(), killing(folder.path), { rounds, env: faults.env, beforeStart: jump, beforeLoad: jump });
  },
};
