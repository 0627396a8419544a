import { TELL_MS } from '../bounds.ts';
import { Chance } from '../chance.ts';
import { answerParent } from '../process/child.ts';
import { KINDS } from '../profile.ts';
import { EchoLoad } from './echo-load.ts';
import type { LoadOrder } from './load-order.ts';
import { MailboxLoad } from './mailbox-load.ts';
import { Pace } from './pace.ts';
import { StorageLoad } from './storage-load.ts';
import { Tally } from './tally.ts';
import type { Workload } from './workload.ts';

const OPEN = { echo: EchoLoad, mailbox: MailboxLoad, storage: StorageLoad };
const tally = new Tally();
const loads: { readonly workload: Workload; readonly rate: number }[] = [];
let paces: readonly Pace[] = [];

answerParent({
  fill: async (order: LoadOrder) => {
    for (const [index, kind] of KINDS.entries()) {
      const rate = order.rates[kind];
      if (rate === 0) continue;
      const workload = await OPEN[kind].open(order.target, new Chance(order.seed + index), tally);
      await workload.fill();
      loads.push({ workload, rate });
    }
  },
  run: (_, tell) => {
    paces = loads.map(({ workload, rate }) => new Pace(rate, () => workload.step()));
    setInterval(() => {
      tally.counts.skipped = paces.reduce((sum, { skipped }) => sum + skipped, 0);
      tell(tally.counts);
    }, TELL_MS);
  },
  finish: async (_, tell) => {
    await Promise.all(paces.map((pace) => pace.stop()));
    for (const { workload } of loads) await workload.finish();
    for (const { workload } of loads) await workload.close();
    tell(tally.counts);
  },
});
