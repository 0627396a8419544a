import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { IDLE_CONNECTIONS, IDLE_RSS_MIB_MAX, IDLE_SETTLE_MS, IDLE_TLS_CONNECTIONS, IDLE_WATCH_MS } from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address } from '../process/worker-protocol.ts';
import { atMost } from '../report.ts';
import type { Figure, ScenarioReport } from '../report.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

const MIB = 1_048_576;

/** What connections cost that only said HELLO. */
export const idle: Scenario = {
  name: 'idle',
  summary: `memory of ${IDLE_CONNECTIONS} idle connections after HELLO, and of ${IDLE_TLS_CONNECTIONS} over TLS`,
  run: runIdle,
};

async function runIdle(run: Run): Promise<ScenarioReport> {
  const plain = await idleCost(scaled(IDLE_CONNECTIONS, run, 20), false, run);
  const overTls = canMakeCertificates() ? await idleCost(scaled(IDLE_TLS_CONNECTIONS, run, 5), true, run) : undefined;
  return {
    scenario: idle.name,
    figures: [...plain.figures, ...(overTls?.figures ?? [])],
    bounds: [
      atMost(`server memory with ${plain.connections} idle connections`, 'MiB', plain.rssMib, IDLE_RSS_MIB_MAX),
      atMost('idle connections lost', '', plain.lost, 0),
    ],
    notes: overTls === undefined ? ['TLS was not measured: the openssl command, which makes its certificate, is not installed'] : [],
  };
}

function canMakeCertificates(): boolean {
  return spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0;
}

interface IdleCost {
  readonly connections: number;
  readonly rssMib: number;
  readonly lost: number;
  readonly figures: readonly Figure[];
}

async function idleCost(connections: number, tls: boolean, run: Run): Promise<IdleCost> {
  await using node = new WorkerProcess('servers/omnigate-main', tls ? ['tls'] : [], run.serverArgs);
  await using client = new WorkerProcess('clients/idle-main');
  const address = await node.ask<Address>('address');
  const before = await node.usage();
  await client.ask('open', { address, connections, tls });
  await sleep(scaled(IDLE_SETTLE_MS, run, 1));
  const settled = await node.usage();
  const watchMs = scaled(IDLE_WATCH_MS, run, 50);
  await sleep(watchMs);
  const watched = await node.usage();
  const lost = await client.ask<number>('lost');

  const subject = `${connections} connections, ${tls ? 'TLS' : 'TCP'}`;
  const rssMib = watched.rssBytes / MIB;
  const perConnection = (watched.rssBytes - before.rssBytes) / connections / 1_024;
  const cpuShare = ((watched.cpuSeconds - settled.cpuSeconds) / watchMs) * 1_000;
  return {
    connections,
    rssMib,
    lost,
    figures: [
      { subject, measure: 'server memory before', unit: 'MiB', values: [before.rssBytes / MIB] },
      { subject, measure: 'server memory', unit: 'MiB', values: [rssMib] },
      { subject, measure: 'memory per connection', unit: 'KiB', values: [perConnection] },
      { subject, measure: 'server CPU while idle', unit: 'cores', values: [cpuShare] },
    ],
  };
}
