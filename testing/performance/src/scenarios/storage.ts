import {
  STORAGE_HAS_IDS,
  STORAGE_HAS_MS_MAX,
  STORAGE_HAS_REQUESTS,
  STORAGE_LARGE_BYTES,
  STORAGE_LARGE_HTTP_RATIO_MIN,
  STORAGE_LARGE_NGINX_RATIO_MIN,
  STORAGE_PUT_ROUNDS,
  STORAGE_PUTS,
  STORAGE_PUTS_AT_ONCE,
  STORAGE_ROUND_MS,
  STORAGE_ROUNDS,
  STORAGE_SMALL_BYTES,
  STORAGE_SMALL_HTTP_RATIO_MIN,
  STORAGE_SMALL_NGINX_RATIO_MIN,
  WARM_UP_MS,
} from '../bounds.ts';
import { nginx } from '../peers/nginx.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import { atLeast, atMost } from '../report.ts';
import type { BoundCheck, Figure, ScenarioReport } from '../report.ts';
import { pairRatios, spreadOf } from '../statistics.ts';
import type { LatencySummary } from '../statistics.ts';
import { interleaved, loadRound } from './contestant.ts';
import type { LoadRound } from './contestant.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';
import { StorageSite } from './storage-site.ts';
import type { DownloadKind } from './storage-site.ts';

const NO_NGINX = `SKIPPED: nginx is not installed, so two bounds are not judged; install it (Debian: ${nginx.install}) and run this again`;

/** Blobs out of a node next to the same files by nginx and node:http, and to bare writes of as many bytes; into it next to a bare disk. */
export const storage: Scenario = {
  name: 'storage',
  summary: 'GET of small blobs and a large one next to nginx, node:http and bare TCP, PUT next to a bare disk, HAS',
  run: runStorage,
};

/** What the judged ratios of a kind of download have to reach. */
const BOUNDS: readonly { readonly kind: string; readonly over: string; readonly min: number }[] = [
  { kind: '64 KiB, hot', over: nginx.subject, min: STORAGE_SMALL_NGINX_RATIO_MIN },
  { kind: '64 KiB, hot', over: 'node:http', min: STORAGE_SMALL_HTTP_RATIO_MIN },
  { kind: '256 MiB', over: nginx.subject, min: STORAGE_LARGE_NGINX_RATIO_MIN },
  { kind: '256 MiB', over: 'node:http', min: STORAGE_LARGE_HTTP_RATIO_MIN },
];

async function runStorage(run: Run): Promise<ScenarioReport> {
  await using site = await StorageSite.open(run);
  const figures: Figure[] = [];
  const bounds: BoundCheck[] = [];
  for (const kind of site.kinds) {
    const found = await downloadRounds(site, kind, run);
    figures.push(...found.figures);
    bounds.push(...found.bounds);
  }
  const puts = await putRounds(site, run);
  const has = await hasRounds(site, run);
  const hasNginx = site.contestants.some(({ subject }) => subject === nginx.subject);
  if (!hasNginx) process.stderr.write(`bench: ${NO_NGINX}\n`);
  return {
    scenario: storage.name,
    figures: [...figures, ...puts, ...has.figures],
    bounds: [...bounds, ...has.bounds],
    notes: hasNginx ? [] : [NO_NGINX],
  };
}

type Found = Pick<ScenarioReport, 'figures' | 'bounds'>;

async function downloadRounds(site: StorageSite, kind: DownloadKind, run: Run): Promise<Found> {
  const { contestants } = site;
  for (const contestant of contestants) await site.openFor(contestant, kind);
  const plan = { durationMs: scaled(STORAGE_ROUND_MS, run, 0), requestsMin: kind.connections };
  const warmUp = { ...plan, durationMs: scaled(WARM_UP_MS, run, 0) };
  await interleaved(contestants, 1, (contestant) => loadRound(contestant, warmUp));
  const rounds = await interleaved(contestants, run.rounds ?? scaled(STORAGE_ROUNDS, run, 1), (contestant) =>
    loadRound(contestant, plan),
  );
  const gigabytes = kind.sizeBytes / 1e9;
  const values = (subject: string, value: (round: LoadRound) => number): number[] =>
    (rounds[contestants.findIndex((contestant) => contestant.subject === subject)] ?? []).map(value);
  const rates = (subject: string): number[] => values(subject, (round) => round.requestsPerSecond * gigabytes);
  const subjects = contestants.map(({ subject }) => subject);
  const ratios = subjects
    .filter((subject) => !subject.startsWith('node, '))
    .map((subject) => ({ over: subject, values: pairRatios(rates('node, raw client'), rates(subject)) }));
  return {
    figures: [
      ...subjects.flatMap((subject): Figure[] => [
        { subject: `${kind.name}: ${subject}`, measure: 'rate', unit: 'GB/s', values: rates(subject) },
        {
          subject: `${kind.name}: ${subject}`,
          measure: 'server CPU',
          unit: 's/GB',
          values: values(subject, (round) => round.serverCpuPer100k / 1e5 / gigabytes),
        },
        { subject: `${kind.name}: ${subject}`, measure: 'client CPU', unit: 'cores', values: values(subject, (round) => round.clientCores) },
      ]),
      ...ratios.map(({ over, values }) => ({ subject: `${kind.name}: ratio, pair by pair`, measure: `rate, node / ${over}`, unit: 'x', values })),
    ],
    bounds: ratios.flatMap(({ over, values }) =>
      BOUNDS.filter((bound) => bound.kind === kind.name && bound.over === over).map(({ min }) =>
        atLeast(`${kind.name}: rate, node over ${over} (median)`, 'x', spreadOf(values).median, min),
      ),
    ),
  };
}

/** PUT of many small blobs and of a large one, next to files that are written, synced and renamed. */
async function putRounds(site: StorageSite, run: Run): Promise<Figure[]> {
  await using disk = new WorkerProcess('servers/bare-disk-main');
  const node = await site.putter(STORAGE_PUTS_AT_ONCE);
  const loads = [
    { name: 'PUT of 64 KiB', sizeBytes: STORAGE_SMALL_BYTES, count: scaled(STORAGE_PUTS, run, 4), atOnce: STORAGE_PUTS_AT_ONCE },
    { name: 'PUT of 256 MiB', sizeBytes: scaled(STORAGE_LARGE_BYTES, run, 1_000_000), count: 1, atOnce: 1 },
  ];
  const figures: Figure[] = [];
  for (const { name, ...load } of loads) {
    const seconds: { readonly node: number[]; readonly disk: number[] } = { node: [], disk: [] };
    for (let round = 0; round < (run.rounds ?? scaled(STORAGE_PUT_ROUNDS, run, 1)); round++) {
      seconds.node.push(await node.ask<number>('write', load));
      seconds.disk.push(await disk.ask<number>('write', load));
    }
    const rate = (value: number): number => (load.sizeBytes * load.count) / value / 1e6;
    figures.push(
      { subject: `${name}: node, SDK`, measure: 'rate', unit: 'MB/s', values: seconds.node.map(rate) },
      { subject: `${name}: bare disk`, measure: 'rate', unit: 'MB/s', values: seconds.disk.map(rate) },
      { subject: `${name}: ratio, pair by pair`, measure: 'rate, node / bare disk', unit: 'x', values: pairRatios(seconds.disk, seconds.node) },
    );
  }
  return figures;
}

async function hasRounds(site: StorageSite, run: Run): Promise<Found> {
  const client = await site.putter(1);
  const load = { ids: site.ids(STORAGE_HAS_IDS), requests: scaled(STORAGE_HAS_REQUESTS, run, 2) };
  await client.ask('has', load);
  const rounds: LatencySummary[] = [];
  for (let round = 0; round < (run.rounds ?? scaled(STORAGE_ROUNDS, run, 1)); round++) rounds.push(await client.ask<LatencySummary>('has', load));
  const medians = rounds.map(({ p50 }) => p50);
  const subject = `HAS of ${STORAGE_HAS_IDS} ids`;
  return {
    figures: [
      { subject, measure: 'round trip p50', unit: 'ms', values: medians },
      { subject, measure: 'round trip p99', unit: 'ms', values: rounds.map(({ p99 }) => p99) },
    ],
    bounds: [atMost(`${subject}: round trip (median)`, 'ms', spreadOf(medians).median, STORAGE_HAS_MS_MAX)],
  };
}
