import {
  CPU_RATIO_MAX,
  ECHO_CONNECTIONS,
  ECHO_IN_FLIGHT,
  ECHO_PAYLOAD_BYTES,
  ECHO_ROUND_MS,
  ECHO_ROUNDS,
  SDK_RATE_RATIO_MIN,
  WARM_UP_MS,
} from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import { atLeast, atMost } from '../report.ts';
import type { Figure, ScenarioReport } from '../report.ts';
import { pairRatios, spreadOf } from '../statistics.ts';
import { interleaved, loadRound, openConnections } from './contestant.ts';
import type { Contestant, LoadRound } from './contestant.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

/** Throughput and CPU per request next to a bare TCP echo, by raw client and by SDK. */
export const echo: Scenario = {
  name: 'echo',
  summary: `${ECHO_PAYLOAD_BYTES} B echo, ${ECHO_CONNECTIONS} connections x ${ECHO_IN_FLIGHT} in flight, next to a bare TCP echo`,
  run: runEcho,
};

async function runEcho(run: Run): Promise<ScenarioReport> {
  const payload = String(ECHO_PAYLOAD_BYTES);
  await using bareServer = new WorkerProcess('servers/bare-main');
  await using httpServer = new WorkerProcess('servers/http-main');
  await using node = new WorkerProcess('servers/omnigate-main', [], run.serverArgs);
  await using bareClient = new WorkerProcess('clients/raw-main', ['bare', payload]);
  await using httpClient = new WorkerProcess('clients/raw-main', ['http', payload]);
  await using oapClient = new WorkerProcess('clients/raw-main', ['oap', payload]);
  await using sdkClient = new WorkerProcess('clients/sdk-main', [payload]);
  const contestants: readonly Contestant[] = [
    { subject: 'bare TCP echo', server: bareServer, client: bareClient },
    { subject: 'node, raw client', server: node, client: oapClient },
    { subject: 'node, SDK', server: node, client: sdkClient },
    { subject: 'node:http echo', server: httpServer, client: httpClient },
  ];
  for (const contestant of contestants) await openConnections(contestant, ECHO_CONNECTIONS, ECHO_IN_FLIGHT);

  const requestsMin = scaled(2_000, run, 512);
  const round = { durationMs: scaled(ECHO_ROUND_MS, run, 0), requestsMin };
  const warmUp = { durationMs: scaled(WARM_UP_MS, run, 0), requestsMin };
  await interleaved(contestants, 1, (contestant) => loadRound(contestant, warmUp));
  const rounds = await interleaved(contestants, run.rounds ?? scaled(ECHO_ROUNDS, run, 1), (contestant) =>
    loadRound(contestant, round),
  );
  return echoReport(contestants, rounds);
}

function echoReport(contestants: readonly Contestant[], rounds: readonly LoadRound[][]): ScenarioReport {
  const values = (index: number, measure: keyof LoadRound): number[] =>
    (rounds[index] ?? []).map((round) => round[measure]);
  const figures = contestants.flatMap(({ subject }, index): Figure[] => [
    { subject, measure: 'rate', unit: 'requests/s', values: values(index, 'requestsPerSecond') },
    { subject, measure: 'server CPU', unit: 's per 100k', values: values(index, 'serverCpuPer100k') },
    { subject, measure: 'client CPU', unit: 'cores', values: values(index, 'clientCores') },
  ]);
  const cpuRatios = pairRatios(values(1, 'serverCpuPer100k'), values(0, 'serverCpuPer100k'));
  const rateRatios = pairRatios(values(2, 'requestsPerSecond'), values(0, 'requestsPerSecond'));
  const subject = 'ratio, pair by pair';
  return {
    scenario: echo.name,
    figures: [
      ...figures,
      { subject, measure: 'server CPU, node / bare', unit: 'x', values: cpuRatios },
      { subject, measure: 'rate, SDK / bare', unit: 'x', values: rateRatios },
    ],
    bounds: [
      atMost('server CPU per request, node over bare (median)', 'x', spreadOf(cpuRatios).median, CPU_RATIO_MAX),
      atLeast('rate, SDK over bare client (median)', 'x', spreadOf(rateRatios).median, SDK_RATE_RATIO_MIN),
    ],
    notes: [],
  };
}
