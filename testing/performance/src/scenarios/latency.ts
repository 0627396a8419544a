import { ECHO_PAYLOAD_BYTES, LATENCY_RATIO_MAX, LATENCY_REQUESTS, LATENCY_ROUNDS } from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import { atMost } from '../report.ts';
import type { Figure, ScenarioReport } from '../report.ts';
import { pairRatios, spreadOf } from '../statistics.ts';
import type { LatencySummary } from '../statistics.ts';
import { interleaved, openConnections, roundTrips } from './contestant.ts';
import type { Contestant } from './contestant.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

/** Round-trip time with one connection and one request in flight, SDK next to a bare TCP echo. */
export const latency: Scenario = {
  name: 'latency',
  summary: `${ECHO_PAYLOAD_BYTES} B echo, one connection, one in flight, SDK next to a bare TCP echo`,
  run: runLatency,
};

async function runLatency(run: Run): Promise<ScenarioReport> {
  const payload = String(ECHO_PAYLOAD_BYTES);
  await using bareServer = new WorkerProcess('servers/bare-main');
  await using node = new WorkerProcess('servers/omnigate-main', [], run.serverArgs);
  await using bareClient = new WorkerProcess('clients/raw-main', ['bare', payload]);
  await using oapClient = new WorkerProcess('clients/raw-main', ['oap', payload]);
  await using sdkClient = new WorkerProcess('clients/sdk-main', [payload]);
  const contestants: readonly Contestant[] = [
    { subject: 'bare TCP echo', server: bareServer, client: bareClient },
    { subject: 'node, raw client', server: node, client: oapClient },
    { subject: 'node, SDK', server: node, client: sdkClient },
  ];
  for (const contestant of contestants) await openConnections(contestant, 1, 1);
  const requests = scaled(LATENCY_REQUESTS, run, 20);
  await interleaved(contestants, 1, (contestant) => roundTrips(contestant, 2 * requests));
  const rounds = await interleaved(contestants, run.rounds ?? scaled(LATENCY_ROUNDS, run, 1), (contestant) =>
    roundTrips(contestant, requests),
  );

  const micros = (index: number, measure: keyof LatencySummary): number[] =>
    (rounds[index] ?? []).map((round) => round[measure] * 1_000);
  const ratios = pairRatios(micros(2, 'p50'), micros(0, 'p50'));
  const tailRatios = pairRatios(micros(2, 'p99'), micros(0, 'p99'));
  return {
    scenario: latency.name,
    figures: [
      ...contestants.flatMap(({ subject }, index): Figure[] => [
        { subject, measure: 'round trip p50', unit: 'us', values: micros(index, 'p50') },
        { subject, measure: 'round trip p99', unit: 'us', values: micros(index, 'p99') },
      ]),
      { subject: 'ratio, pair by pair', measure: 'p50, SDK / bare', unit: 'x', values: ratios },
      { subject: 'ratio, pair by pair', measure: 'p99, SDK / bare', unit: 'x', values: tailRatios },
    ],
    bounds: [atMost('p50 round trip, SDK over bare client (median)', 'x', spreadOf(ratios).median, LATENCY_RATIO_MAX)],
    notes: [],
  };
}
