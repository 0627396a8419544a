import { setTimeout as sleep } from 'node:timers/promises';
import {
  NEIGHBOUR_ALONE_MS,
  NEIGHBOUR_INTERVAL_MS,
  NEIGHBOUR_P99_MS_MAX,
  TINY_FRAMES,
  TINY_ROUNDS,
  TINY_SEGMENTS,
} from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address } from '../process/worker-protocol.ts';
import { atMost } from '../report.ts';
import type { Figure, ScenarioReport } from '../report.ts';
import { spreadOf } from '../statistics.ts';
import type { LatencySummary } from '../statistics.ts';
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
  await using neighbour = new WorkerProcess('clients/raw-main', ['oap', '64']);
  await using burster = new WorkerProcess('clients/raw-main', ['oap', '0']);
  const address = await node.ask<Address>('address');
  const frames = scaled(TINY_FRAMES, run, 100);
  const bursts = scaled(TINY_SEGMENTS, run, 2);
  await neighbour.ask('open', { address, connections: 1, inFlight: 1 });
  await burster.ask('open', { address, connections: 1, inFlight: frames });
  await burster.ask('bursts', scaled(10, run, 1));

  const alone: LatencySummary[] = [];
  const beside: LatencySummary[] = [];
  const framesPerSecond: number[] = [];
  const cpuMs: number[] = [];
  for (let left = run.rounds ?? scaled(TINY_ROUNDS, run, 1); left > 0; left--) {
    alone.push(await watch(neighbour, () => sleep(scaled(NEIGHBOUR_ALONE_MS, run, 20))));
    const before = await node.usage();
    const startedAt = performance.now();
    beside.push(await watch(neighbour, () => burster.ask<number>('bursts', bursts)));
    framesPerSecond.push((frames * bursts * 1_000) / (performance.now() - startedAt));
    cpuMs.push((((await node.usage()).cpuSeconds - before.cpuSeconds) / bursts) * 1_000);
  }

  const p99 = spreadOf(beside.map((round) => round.p99)).median;
  return {
    scenario: tinyFrames.name,
    figures: [
      ...latencyFigures('neighbour alone', alone),
      ...latencyFigures('neighbour beside bursts', beside),
      { subject: 'bursts', measure: 'rate', unit: 'frames/s', values: framesPerSecond },
      { subject: 'bursts', measure: 'server CPU per write', unit: 'ms', values: cpuMs },
    ],
    bounds: [atMost('p99 round trip of the neighbour beside bursts (median)', 'ms', p99, NEIGHBOUR_P99_MS_MAX)],
    notes: [],
  };
}

/** The neighbour's round trips while `meanwhile` goes on. */
async function watch(neighbour: WorkerProcess, meanwhile: () => Promise<unknown>): Promise<LatencySummary> {
  await neighbour.ask('watch', NEIGHBOUR_INTERVAL_MS);
  await meanwhile();
  return neighbour.ask<LatencySummary>('watched');
}

function latencyFigures(subject: string, rounds: readonly LatencySummary[]): Figure[] {
  return [
    { subject, measure: 'round trip p50', unit: 'ms', values: rounds.map((round) => round.p50) },
    { subject, measure: 'round trip p99', unit: 'ms', values: rounds.map((round) => round.p99) },
    { subject, measure: 'round trip, longest', unit: 'ms', values: rounds.map((round) => round.max) },
  ];
}
