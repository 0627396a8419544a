import { answered } from '../clients/offer.ts';
import type { OfferPlan, OfferResult } from '../clients/offer.ts';
import {
  OVERLOAD_CONNECTIONS,
  OVERLOAD_FACTOR,
  OVERLOAD_GOODPUT_RATIO_MIN,
  OVERLOAD_GROWTH_MIB_MAX,
  OVERLOAD_MS,
  OVERLOAD_READY_SECONDS_MAX,
  OVERLOAD_READYZ_MS_MAX,
  OVERLOAD_ROUNDS,
  OVERLOAD_TENANTS,
  PEAK_MS,
  READY_POLL_MS,
  WARM_UP_MS,
} from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import { atLeast, atMost } from '../report.ts';
import type { BoundCheck, Figure, ScenarioReport } from '../report.ts';
import { ServiceApp } from '../servers/costly-services.ts';
import { pairRatios, spreadOf } from '../statistics.ts';
import { GuardedNode, tenantOf } from './guarded-node.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

const MIB = 1_048_576;

/** A kind of service, and the load at which it is at its best. */
interface Profile {
  readonly name: string;
  readonly app: number;
  /** Requests open on each connection for the peak. */
  readonly peakInFlight: number;
  /** Whether its peak is that of its places, and not of the CPU of the node. */
  readonly spare?: true;
  /** Whether ten times its peak is more than clients on one machine can offer, so that the node need not notice. */
  readonly bottomless?: true;
}

const PROFILES: readonly Profile[] = [
  { name: 'CPU outside of its handler', app: ServiceApp.WORK, peakInFlight: 2 },
  { name: 'waits', app: ServiceApp.WAIT, peakInFlight: 2, spare: true },
  { name: 'CPU in its handler', app: ServiceApp.HANDLER, peakInFlight: 1 },
  { name: 'echo', app: ServiceApp.ECHO, peakInFlight: 512, bottomless: true },
];

/** Ten times what the node can do. */
export const overload: Scenario = {
  name: 'overload',
  summary: `${OVERLOAD_FACTOR} times the capacity of each kind of service, from ${OVERLOAD_TENANTS} tenants`,
  run: runOverload,
};

async function runOverload(run: Run): Promise<ScenarioReport> {
  const figures: Figure[] = [];
  const bounds: BoundCheck[] = [];
  for (const profile of PROFILES) {
    const rounds = await roundsOf(profile, run);
    const { name: subject } = profile;
    const values = (measure: keyof Round): number[] => rounds.map((round) => round[measure]);
    const ratios = pairRatios(values('goodput'), values('peak'));
    figures.push(
      { subject, measure: 'peak', unit: 'requests/s', values: values('peak') },
      { subject, measure: 'offered', unit: 'requests/s', values: values('offered') },
      { subject, measure: 'goodput', unit: 'requests/s', values: values('goodput') },
      { subject, measure: 'refused', unit: 'requests/s', values: values('refused') },
      { subject, measure: 'goodput / peak', unit: 'x', values: ratios },
      { subject, measure: 'the same, per CPU of the node', unit: 'x', values: values('perCpu') },
      { subject, measure: 'CPU of the node', unit: 'cores', values: values('cores') },
      { subject, measure: 'round trip p50 of the served', unit: 'ms', values: values('p50Ms') },
      { subject, measure: 'round trip p99 of the served', unit: 'ms', values: values('p99Ms') },
      { subject, measure: '/readyz, longest', unit: 'ms', values: values('readyzMs') },
      { subject, measure: 'memory growth, peak', unit: 'MiB', values: values('growthMib') },
      { subject, measure: 'ready again after', unit: 's', values: values('readySeconds') },
    );
    bounds.push(
      profile.spare === true
        ? atLeast(`${subject}: goodput over peak (median)`, 'x', spreadOf(ratios).median, OVERLOAD_GOODPUT_RATIO_MIN)
        : atLeast(`${subject}: the same, per CPU of the node (median)`, 'x', spreadOf(values('perCpu')).median, OVERLOAD_GOODPUT_RATIO_MIN),
      atMost(`${subject}: memory growth`, 'MiB', spreadOf(values('growthMib')).max, OVERLOAD_GROWTH_MIB_MAX),
      atMost(`${subject}: /readyz answered within (median)`, 'ms', spreadOf(values('readyzMs')).median, OVERLOAD_READYZ_MS_MAX),
      atMost(`${subject}: connections lost`, '', spreadOf(values('lost')).max, 0),
      atMost(`${subject}: ready again after`, 's', Math.max(...values('readySeconds')), OVERLOAD_READY_SECONDS_MAX),
    );
    if (profile.bottomless === undefined) {
      bounds.push(atLeast(`${subject}: /readyz said overload, rounds`, '', values('notReady').filter(Boolean).length, rounds.length));
    }
  }
  return { scenario: overload.name, figures, bounds, notes: ['of an echo the clients offer what they can, which is less than ten times the peak'] };
}

/** What one round of one profile gave. */
interface Round {
  readonly peak: number;
  readonly offered: number;
  readonly goodput: number;
  readonly refused: number;
  readonly perCpu: number;
  readonly cores: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
  readonly growthMib: number;
  readonly notReady: number;
  readonly readyzMs: number;
  readonly readySeconds: number;
}

async function roundsOf(profile: Profile, run: Run): Promise<Round[]> {
  await using node = new GuardedNode({}, run.serverArgs);
  await using first = new WorkerProcess('clients/offer-main', ['yielding']);
  await using second = new WorkerProcess('clients/offer-main', ['yielding']);
  const clients = [first, second];
  const address = await node.address();
  const tenants = Array.from({ length: OVERLOAD_CONNECTIONS }, (_, n) => tenantOf(1 + (n % OVERLOAD_TENANTS)));
  for (const client of clients) await client.ask('open', { address, requests: await node.requests(profile.app, tenants) });
  const offer = async (plan: OfferPlan): Promise<OfferResult[]> => Promise.all(clients.map((client) => client.ask<OfferResult>('offer', plan)));
  const settle = async (): Promise<unknown> => Promise.all(clients.map((client) => client.ask('settle')));
  const { peakInFlight: inFlight } = profile;

  await offer({ durationMs: scaled(WARM_UP_MS, run, 50), inFlight });
  const base = (await node.usage()).rssBytes;
  const rounds: Round[] = [];
  for (let left = run.rounds ?? scaled(OVERLOAD_ROUNDS, run, 1); left > 0; left--) {
    await settle();
    await node.secondsUntilReady();
    const peak = await costOf(node, () => offer({ durationMs: scaled(PEAK_MS, run, 150), inFlight }));
    await settle();
    const perSecond = (peak.perSecond * OVERLOAD_FACTOR) / clients.length;
    const watch = new Watch(node);
    const over = await costOf(node, () => offer({ durationMs: scaled(OVERLOAD_MS, run, 150), perSecond }));
    const { notReady, readyzMs, rssBytes } = await watch.stop();
    await settle();
    const seconds = over.results[0]?.seconds ?? Number.NaN;
    rounds.push({
      peak: peak.perSecond,
      offered: over.results.reduce((sum, { offered }) => sum + offered, 0) / seconds,
      goodput: over.perSecond,
      refused: answered(over.results, 429, 503) / seconds,
      perCpu: over.perCpuSecond / peak.perCpuSecond,
      cores: over.perSecond / over.perCpuSecond,
      p50Ms: Math.max(...over.results.map(({ served }) => served.p50)),
      p99Ms: Math.max(...over.results.map(({ served }) => served.p99)),
      lost: over.results.reduce((sum, { lost }) => sum + lost, 0),
      growthMib: (rssBytes - base) / MIB,
      notReady,
      readyzMs,
      readySeconds: await node.secondsUntilReady(),
    });
  }
  return rounds;
}

/** What was served while `load` went on, in a second and in a second of the node's CPU. */
async function costOf(node: GuardedNode, load: () => Promise<OfferResult[]>) {
  const before = await node.usage();
  const results = await load();
  const after = await node.usage();
  const served = answered(results, 200);
  return {
    results,
    perSecond: served / (results[0]?.seconds ?? Number.NaN),
    perCpuSecond: served / (after.cpuSeconds - before.cpuSeconds),
  };
}

/** Looks at a node while it is under load. */
class Watch {
  readonly #node: GuardedNode;
  readonly #over: Promise<void>;
  #watching = true;
  #rssBytes = 0;
  #notReady = 0;
  #readyzMs = 0;

  constructor(node: GuardedNode) {
    this.#node = node;
    this.#over = this.#watch();
  }

  /** How often it said that it is overloaded, the longest time it took to say so, and the most memory it had. */
  async stop(): Promise<{ notReady: number; readyzMs: number; rssBytes: number }> {
    this.#watching = false;
    await this.#over;
    return { notReady: this.#notReady, readyzMs: this.#readyzMs, rssBytes: this.#rssBytes };
  }

  async #watch(): Promise<void> {
    while (this.#watching) {
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
      const { overloaded, latencyMs } = await this.#node.readiness();
      if (overloaded) this.#notReady++;
      this.#readyzMs = Math.max(this.#readyzMs, latencyMs);
      this.#rssBytes = Math.max(this.#rssBytes, (await this.#node.usage()).rssBytes);
    }
  }
}
