import { setTimeout as sleep } from 'node:timers/promises';
import type { SlowReaderResult } from '../clients/slow-reader-main.ts';
import {
  GROWTH_ALLOWANCE_MIB,
  MEMORY_SAMPLE_MS,
  NEIGHBOUR_WARM_UP_REQUESTS,
  SLOW_READER_CUT_SECONDS_MAX,
  SLOW_READER_GROWTH_MIB_MAX,
  SLOW_READERS,
} from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address } from '../process/worker-protocol.ts';
import { atMost } from '../report.ts';
import type { ScenarioReport } from '../report.ts';
import { neighbourBound, neighbourFigures, Neighbours } from './neighbours.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

const MIB = 1_048_576;
/** How long a peer is watched beyond the moment at which it must be gone, milliseconds. */
const PATIENCE_MS = 3_000;

/** Peers that send and never read: what they cost the node and a neighbour, and when they are cut off. */
export const slowReader: Scenario = {
  name: 'slow-reader',
  summary: `${2 * SLOW_READERS} peers that never read, half of them with requests and half with streams, and a neighbour`,
  run: runSlowReader,
};

async function runSlowReader(run: Run): Promise<ScenarioReport> {
  await using node = new WorkerProcess('servers/omnigate-main', [], run.serverArgs);
  await using neighbours = new Neighbours();
  await using attacker = new WorkerProcess('clients/slow-reader-main');
  const address = await node.ask<Address>('address');
  await neighbours.open(address, scaled(NEIGHBOUR_WARM_UP_REQUESTS, run, 20));
  const baseRss = (await node.usage()).rssBytes;

  const peers = scaled(SLOW_READERS, run, 1);
  const patienceMs = scaled(SLOW_READER_CUT_SECONDS_MAX * 1_000 + PATIENCE_MS, run, 200);
  const attack = (kind: string): Promise<SlowReaderResult[]> =>
    attacker.ask<SlowReaderResult[]>('attack', { address, kind, peers, patienceMs });
  const { round, value } = await neighbours.during(() =>
    peakMemory(node, Promise.all([attack('requests'), attack('stream')])),
  );
  const [requests, streams] = value.result;
  const growthMib = (value.peakBytes - baseRss) / MIB;

  const seconds = (results: readonly SlowReaderResult[]): number[] => results.map((result) => result.cutAfterSeconds);
  const sent = (results: readonly SlowReaderResult[]): number[] => results.map((result) => result.sentBytes / MIB);
  const growthMax = 2 * peers * SLOW_READER_GROWTH_MIB_MAX + GROWTH_ALLOWANCE_MIB;
  return {
    scenario: slowReader.name,
    figures: [
      { subject: 'peers with requests', measure: 'sent until cut off', unit: 'MiB', values: sent(requests) },
      { subject: 'peers with requests', measure: 'cut off after', unit: 's', values: seconds(requests) },
      { subject: 'peers with streams', measure: 'sent until cut off', unit: 'MiB', values: sent(streams) },
      { subject: 'peers with streams', measure: 'cut off after', unit: 's', values: seconds(streams) },
      { subject: 'node', measure: 'memory growth, peak', unit: 'MiB', values: [growthMib] },
      { subject: 'neighbour', measure: 'echoes answered', unit: '', values: [round.node.count] },
      ...neighbourFigures('neighbour', [round]),
    ],
    bounds: [
      atMost('last peer cut off after', 's', Math.max(...seconds(requests), ...seconds(streams)), SLOW_READER_CUT_SECONDS_MAX),
      atMost(`memory growth with ${2 * peers} peers that never read`, 'MiB', growthMib, growthMax),
      neighbourBound([round]),
    ],
    notes: [],
  };
}

/** The most memory `worker` holds while `work` goes on, bytes, and what the work gave. */
async function peakMemory<T>(worker: WorkerProcess, work: Promise<T>): Promise<{ peakBytes: number; result: T }> {
  const finished = work.then((result) => ({ result }));
  // When the worker fails first, its error is the one to tell.
  finished.catch(() => undefined);
  let peakBytes = 0;
  for (;;) {
    const done = await Promise.race([finished, sleep(MEMORY_SAMPLE_MS)]);
    peakBytes = Math.max(peakBytes, (await worker.usage()).rssBytes);
    if (done !== undefined) return { peakBytes, result: done.result };
  }
}
