import { setTimeout as sleep } from 'node:timers/promises';
import type { TenantsResult } from '../clients/tenants-main.ts';
import { TENANTS_AT_ONCE, TENANTS_GROWTH_MIB_MAX, TENANTS_MADE_UP, TENANTS_MINTED, TENANTS_RETRY_MS } from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import { atLeast, atMost } from '../report.ts';
import type { ScenarioReport } from '../report.ts';
import { ServiceApp } from '../servers/costly-services.ts';
import { GuardedNode, tenantOf } from './guarded-node.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

const MIB = 1_048_576;
/** A bound that nobody meets, so that all accounts are kept. */
const AMPLE = { per_second: 1_000_000, burst: 1_000_000 };
const QUOTAS = { tenant: { units: AMPLE, units_per_app: AMPLE }, address: { units: AMPLE, units_per_app: AMPLE } };

/** More tenants than any table of the node holds. */
export const tenantIds: Scenario = {
  name: 'tenant-ids',
  summary: `${TENANTS_MADE_UP} made-up tenant ids, and ${2 * TENANTS_MINTED} tenants with capabilities`,
  run: runTenantIds,
};

async function runTenantIds(run: Run): Promise<ScenarioReport> {
  await using node = new GuardedNode(QUOTAS, [...run.serverArgs, '--expose-gc']);
  await using client = new WorkerProcess('clients/tenants-main');
  const address = await node.address();
  let made = 0;

  /** So many more tenants, with capabilities or without; returns how many were answered so. */
  const ask = async (op: 'holders' | 'strangers', count: number, app: number, status: number): Promise<number> => {
    let told = 0;
    for (let left = count; left > 0; left -= TENANTS_AT_ONCE) {
      let tenants = Array.from({ length: Math.min(left, TENANTS_AT_ONCE) }, () => tenantOf(++made));
      while (tenants.length > 0) {
        const capabilities = op === 'holders' ? { capabilities: await node.mint(tenants) } : {};
        const { answers, busy } = await client.ask<TenantsResult>(op, { address, app, tenants, ...capabilities });
        told += answers[status] ?? 0;
        tenants = busy.map((index) => tenants[index] as string);
        if (tenants.length > 0) await sleep(TENANTS_RETRY_MS);
      }
    }
    return told;
  };
  const heapMib = async (): Promise<number> => (await node.heapBytes()) / MIB;

  const minted = scaled(TENANTS_MINTED, run, 100);
  const madeUp = scaled(TENANTS_MADE_UP, run, 100);
  await ask('strangers', scaled(20_000, run, 100), ServiceApp.FREE, 401);
  await ask('holders', scaled(20_000, run, 100), ServiceApp.FREE, 200);
  const warm = await heapMib();
  const refused = await ask('strangers', madeUp / 2, ServiceApp.FREE, 401);
  await ask('strangers', madeUp / 2, ServiceApp.ECHO, 200);
  const afterStrangers = await heapMib();
  let served = await ask('holders', minted, ServiceApp.FREE, 200);
  const full = await heapMib();
  served += await ask('holders', minted, ServiceApp.FREE, 200);
  const beyond = await heapMib();

  const subject = 'heap without garbage';
  return {
    scenario: tenantIds.name,
    figures: [
      { subject, measure: 'before', unit: 'MiB', values: [warm] },
      { subject, measure: 'after the made-up ids', unit: 'MiB', values: [afterStrangers] },
      { subject, measure: 'tables full', unit: 'MiB', values: [full] },
      { subject, measure: 'after as many tenants again', unit: 'MiB', values: [beyond] },
      { subject: 'node', measure: 'memory', unit: 'MiB', values: [(await node.usage()).rssBytes / MIB] },
      { subject: 'made-up ids, protected service', measure: 'told 401', unit: '', values: [refused] },
      { subject: 'tenants with capabilities', measure: 'served', unit: '', values: [served] },
    ],
    bounds: [
      atMost(`growth with ${madeUp} made-up tenant ids`, 'MiB', afterStrangers - warm, TENANTS_GROWTH_MIB_MAX),
      atMost(`growth from ${minted} tenants to twice as many`, 'MiB', beyond - full, TENANTS_GROWTH_MIB_MAX),
      atLeast('tenants with capabilities served', '', served, 2 * minted),
    ],
    notes: [],
  };
}
