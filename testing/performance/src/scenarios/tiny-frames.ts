import { setTimeout as sleep } from 'node:timers/promises';
import { NEIGHBOUR_ALONE_MS, NEIGHBOUR_WARM_UP_REQUESTS, TINY_FRAMES, TINY_ROUNDS, TINY_SEGMENTS } from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address } from '../process/worker-protocol.ts';
import type { ScenarioReport } from '../report.ts';
import { neighbourBound, neighbourFigures, Neighbours } from './neighbours.ts';
import type { NeighbourRound } from './neighbours.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

/** Many frames in one segment must not keep other connections waiting. */
export const tinyFrames: Scenario = {
  name: 'tiny-frames',
  summary: `${TINY_FRAMES} empty echoes in one write, again and again, and a neighbour`,
  run: runTinyFrames,
};

async function runTinyFrames(run: Run): Promise<ScenarioReport> {
  await using node = new WorkerProcess('servers/omnigate-main', [], run.serverArgs);
  await using neighbours = new Neighbours();
  await using burster = new WorkerProcess('clients/raw-main', ['oap', '0']);
  const address = await node.ask<Address>('address');
  const frames = scaled(TINY_FRAMES, run, 100);
  const bursts = scaled(TINY_SEGMENTS, run, 2);
  await neighbours.open(address, scaled(NEIGHBOUR_WARM_UP_REQUESTS, run, 20));
  await burster.ask('open', { address, connections: 1, inFlight: frames });
  await burster.ask('bursts', scaled(10, run, 1));

  const alone: NeighbourRound[] = [];
  const beside: NeighbourRound[] = [];
  const framesPerSecond: number[] = [];
  const cpuMs: number[] = [];
  for (let left = run.rounds ?? scaled(TINY_ROUNDS, run, 1); left > 0; left--) {
    alone.push((await neighbours.during(() => sleep(scaled(NEIGHBOUR_ALONE_MS, run, 20)))).round);
    const before = await node.usage();
    const startedAt = performance.now();
    beside.push((await neighbours.during(() => burster.ask<number>('bursts', bursts))).round);
    framesPerSecond.push((frames * bursts * 1_000) / (performance.now() - startedAt));
    cpuMs.push((((await node.usage()).cpuSeconds - before.cpuSeconds) / bursts) * 1_000);
  }

  return {
    scenario: tinyFrames.name,
    figures: [
      ...neighbourFigures('neighbour alone', alone),
      ...neighbourFigures('neighbour beside bursts', beside),
      { subject: 'bursts', measure: 'rate', unit: 'frames/s', values: framesPerSecond },
      { subject: 'bursts', measure: 'server CPU per write', unit: 'ms', values: cpuMs },
    ],
    bounds: [neighbourBound(beside)],
    notes: [],
  };
}
