import { answered } from '../clients/offer.ts';
import type { OfferResult } from '../clients/offer.ts';
import {
  FLOOD_FACTOR,
  FLOOD_GRACE_MS,
  FLOOD_LOST_PERCENT_MAX,
  FLOOD_MS,
  FLOOD_NEIGHBOUR_RATE,
  FLOOD_NEIGHBOURS,
  FLOOD_P99_RATIO_MAX,
  FLOOD_QUOTA,
  FLOOD_ROUNDS,
  OVERLOAD_CONNECTIONS,
} from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import { atLeast, atMost } from '../report.ts';
import type { ScenarioReport } from '../report.ts';
import { ServiceApp } from '../servers/costly-services.ts';
import { pairRatios, spreadOf } from '../statistics.ts';
import { GuardedNode, tenantOf } from './guarded-node.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

/** A message costs one unit, and one more for the 16 KiB that it began. */
const UNITS_PER_REQUEST = 2;
const QUOTAS = { tenant: { units: { per_second: FLOOD_QUOTA * UNITS_PER_REQUEST, burst: FLOOD_QUOTA * UNITS_PER_REQUEST } } };
const APP = ServiceApp.WORK;
/** The one that asks for too much. */
const GREEDY = tenantOf(99);

/**
 * One tenant far beyond its quota beside others that keep to theirs. Their control
 * are tenants of a second node that nobody floods: what delays both is the machine.
 */
export const tenantFlood: Scenario = {
  name: 'tenant-flood',
  summary: `one tenant at ${FLOOD_FACTOR} times its quota, and ${FLOOD_NEIGHBOURS} that keep to theirs`,
  run: runTenantFlood,
};

async function runTenantFlood(run: Run): Promise<ScenarioReport> {
  await using node = new GuardedNode(QUOTAS, run.serverArgs);
  await using controlNode = new GuardedNode(QUOTAS, []);
  await using neighbours = new WorkerProcess('clients/offer-main');
  await using control = new WorkerProcess('clients/offer-main');
  await using flooder = new WorkerProcess('clients/offer-main', ['yielding']);
  const tenants = Array.from({ length: FLOOD_NEIGHBOURS }, (_, n) => tenantOf(1 + n));
  await open(neighbours, node, tenants);
  await open(control, controlNode, tenants);
  await open(flooder, node, Array.from({ length: OVERLOAD_CONNECTIONS }, () => GREEDY));

  const durationMs = scaled(FLOOD_MS, run, 200);
  const quiet = { durationMs, perSecond: FLOOD_NEIGHBOUR_RATE * FLOOD_NEIGHBOURS };
  const both = async (): Promise<[OfferResult, OfferResult]> => Promise.all([offer(neighbours, quiet), offer(control, quiet)]);
  await both();
  const beside: OfferResult[] = [];
  const apart: OfferResult[] = [];
  const floods: OfferResult[] = [];
  for (let left = run.rounds ?? scaled(FLOOD_ROUNDS, run, 1); left > 0; left--) {
    const flood = offer(flooder, { durationMs, perSecond: FLOOD_QUOTA * FLOOD_FACTOR });
    const [near, far] = await both();
    beside.push(near);
    apart.push(far);
    floods.push(await flood);
    await flooder.ask('settle');
  }

  const p99 = (results: readonly OfferResult[]): number[] => results.map(({ served }) => served.p99);
  const ratios = pairRatios(p99(beside), p99(apart));
  const lost = (results: readonly OfferResult[]): number[] => results.map((result) => (1 - answered([result], 200) / result.sent) * 100);
  const admitted = floods.map((result) => answered([result], 200) / result.seconds);
  const refused = floods.map((result) => answered([result], 429) / result.seconds);
  return {
    scenario: tenantFlood.name,
    figures: [
      { subject: 'greedy tenant', measure: 'offered', unit: 'requests/s', values: floods.map(({ offered, seconds }) => offered / seconds) },
      { subject: 'greedy tenant', measure: 'served', unit: 'requests/s', values: admitted },
      { subject: 'greedy tenant', measure: 'refused', unit: 'requests/s', values: refused },
      { subject: 'neighbours', measure: 'requests sent', unit: '', values: beside.map(({ sent }) => sent) },
      { subject: 'neighbours', measure: 'lost', unit: '%', values: lost(beside) },
      { subject: 'neighbours', measure: 'round trip p50', unit: 'ms', values: beside.map(({ served }) => served.p50) },
      { subject: 'neighbours', measure: 'round trip p99', unit: 'ms', values: p99(beside) },
      { subject: 'control', measure: 'lost', unit: '%', values: lost(apart) },
      { subject: 'control', measure: 'round trip p50', unit: 'ms', values: apart.map(({ served }) => served.p50) },
      { subject: 'control', measure: 'round trip p99', unit: 'ms', values: p99(apart) },
      { subject: 'ratio, pair by pair', measure: 'p99, neighbours / control', unit: 'x', values: ratios },
    ],
    bounds: [
      atMost('requests of neighbours lost (median)', '%', spreadOf(lost(beside)).median, FLOOD_LOST_PERCENT_MAX),
      atMost('p99 of neighbours over their control (median)', 'x', spreadOf(ratios).median, FLOOD_P99_RATIO_MAX),
      atLeast('greedy tenant refused', 'requests/s', spreadOf(refused).median, FLOOD_QUOTA),
    ],
    notes: [],
  };
}

async function open(client: WorkerProcess, node: GuardedNode, tenants: readonly string[]): Promise<void> {
  await client.ask('open', { address: await node.address(), requests: await node.requests(APP, tenants) });
}

/** Offers, and waits for what is still on its way: a late answer is not a lost one. */
async function offer(client: WorkerProcess, plan: { durationMs: number; perSecond: number }): Promise<OfferResult> {
  return client.ask<OfferResult>('offer', { ...plan, graceMs: FLOOD_GRACE_MS });
}
