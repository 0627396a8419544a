import type { LoadPlan, LoadResult } from '../clients/load.ts';
import type { Address, Usage } from '../process/worker-protocol.ts';
import type { WorkerProcess } from '../process/worker-process.ts';
import type { LatencySummary } from '../statistics.ts';

/** What is asked of a server that is measured. */
export interface MeasuredServer {
  address(): Promise<Address>;
  usage(): Promise<Pick<Usage, 'cpuSeconds'>>;
}

/** A client process and the server it drives. */
export interface Contestant {
  readonly subject: string;
  readonly server: MeasuredServer;
  readonly client: WorkerProcess;
}

/** One round of load on a contestant. */
export interface LoadRound {
  readonly requestsPerSecond: number;
  /** CPU time of the server process per 100,000 requests, seconds. */
  readonly serverCpuPer100k: number;
  /** Share of one core the client process used; near 1 the client is what limits the rate. */
  readonly clientCores: number;
}

/** Opens a contestant's connections, `inFlight` requests on each. */
export async function openConnections({ server, client }: Contestant, connections: number, inFlight: number): Promise<void> {
  const address = await server.address();
  await client.ask('open', { address, connections, inFlight });
}

/** Drives a contestant; the server's CPU time is read while it is quiet, before and after. */
export async function loadRound({ server, client }: Contestant, plan: LoadPlan): Promise<LoadRound> {
  const before = await server.usage();
  const load = await client.ask<LoadResult>('load', plan);
  const after = await server.usage();
  return {
    requestsPerSecond: load.requests / load.seconds,
    serverCpuPer100k: ((after.cpuSeconds - before.cpuSeconds) / load.requests) * 100_000,
    clientCores: load.clientCpuSeconds / load.seconds,
  };
}

/** Round trips with one request in flight, milliseconds. */
export async function roundTrips({ client }: Contestant, requests: number): Promise<LatencySummary> {
  return client.ask<LatencySummary>('roundTrips', requests);
}

/**
 * Runs `measure` for every contestant in turn, round by round, so that a slow
 * spell of the machine hits all of them; one result per contestant and round.
 */
export async function interleaved<T>(
  contestants: readonly Contestant[],
  rounds: number,
  measure: (contestant: Contestant) => Promise<T>,
): Promise<T[][]> {
  const results: T[][] = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      results[index]?.push(await measure(contestant));
    }
  }
  return results;
}
