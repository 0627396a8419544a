import {
  MAILBOX_BODY_BYTES,
  MAILBOX_IN_FLIGHT,
  MAILBOX_PEER_RATIO_MIN,
  MAILBOX_ROUND_MS,
  MAILBOX_ROUNDS,
  MAILBOX_WARM_UP_MS,
} from '../bounds.ts';
import type { LoadPlan, LoadResult } from '../clients/load.ts';
import { queuePeers } from '../peers/queue-peers.ts';
import type { WorkerProcess } from '../process/worker-process.ts';
import { atLeast } from '../report.ts';
import type { Figure, ScenarioReport } from '../report.ts';
import { pairRatios, spreadOf } from '../statistics.ts';
import { GuardedNode } from './guarded-node.ts';
import { accessTo, openQueue } from './queue-clients.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

/** Durable send, receive and acknowledge next to other durable queues. */
export const mailboxPeers: Scenario = {
  name: 'mailbox-peers',
  summary: `durable messages of ${MAILBOX_BODY_BYTES} B, ${MAILBOX_IN_FLIGHT} in flight, next to ${queuePeers.map(({ kind }) => kind).join(', ')}`,
  run: runContest,
};

/** A queue, the client process that uses it, and what is to be stopped when both are done with. */
class Contestant implements AsyncDisposable {
  readonly subject: string;
  readonly client: WorkerProcess;
  readonly cpuSeconds: () => Promise<number>;
  readonly #server: AsyncDisposable;

  constructor(subject: string, client: WorkerProcess, server: AsyncDisposable, cpuSeconds: () => Promise<number>) {
    this.subject = subject;
    this.client = client;
    this.cpuSeconds = cpuSeconds;
    this.#server = server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}

interface Round {
  readonly perSecond: number;
  /** CPU time of the server for each message, microseconds. */
  readonly serverMicros: number;
  readonly clientMicros: number;
}

async function runContest(run: Run): Promise<ScenarioReport> {
  const contestants = [await ownContestant(run)];
  try {
    const notes: string[] = [];
    for (const peer of queuePeers.filter(({ kind }) => run.peers?.includes(kind) ?? true)) {
      const server = await peer.start();
      if (server === undefined) {
        notes.push(`NOT COMPARED with ${peer.subject}: it is not installed (${peer.install})`);
        continue;
      }
      const client = await openQueue(peer.kind, { address: server.address });
      contestants.push(new Contestant(peer.subject, client, server, () => Promise.resolve(server.cpuSeconds())));
    }
    return { scenario: mailboxPeers.name, ...(await compare(contestants, run)), notes };
  } finally {
    await Promise.all(contestants.map((contestant) => contestant[Symbol.asyncDispose]()));
  }
}

async function ownContestant({ serverArgs }: Run): Promise<Contestant> {
  const node = new GuardedNode({}, serverArgs);
  const client = await openQueue('omnigate', await accessTo(node));
  return new Contestant('mailbox, SDK', client, node, async () => (await node.usage()).cpuSeconds);
}

async function compare(contestants: readonly Contestant[], run: Run): Promise<Pick<ScenarioReport, 'figures' | 'bounds'>> {
  const messagesMin = scaled(4_000, run, 256);
  await inTurn(contestants, 1, { durationMs: scaled(MAILBOX_WARM_UP_MS, run, 0), requestsMin: messagesMin });
  const plan = { durationMs: scaled(MAILBOX_ROUND_MS, run, 0), requestsMin: messagesMin };
  const rounds = await inTurn(contestants, run.rounds ?? scaled(MAILBOX_ROUNDS, run, 1), plan);

  const values = (index: number, measure: keyof Round): number[] => (rounds[index] ?? []).map((round) => round[measure]);
  const peers = contestants.slice(1).map(({ subject }, index) => ({ subject, ratios: pairRatios(values(0, 'perSecond'), values(index + 1, 'perSecond')) }));
  return {
    figures: [
      ...contestants.flatMap(({ subject }, index): Figure[] => [
        { subject, measure: 'rate', unit: 'messages/s', values: values(index, 'perSecond') },
        { subject, measure: 'server CPU', unit: 'us a message', values: values(index, 'serverMicros') },
        { subject, measure: 'client CPU', unit: 'us a message', values: values(index, 'clientMicros') },
      ]),
      ...peers.map(({ subject, ratios }): Figure => ({ subject: 'ratio, pair by pair', measure: `rate, mailbox / ${subject}`, unit: 'x', values: ratios })),
    ],
    bounds: peers.map(({ subject, ratios }) => atLeast(`rate, mailbox over ${subject} (median)`, 'x', spreadOf(ratios).median, MAILBOX_PEER_RATIO_MIN)),
  };
}

/** Rounds of all contestants, interleaved. */
async function inTurn(contestants: readonly Contestant[], rounds: number, plan: LoadPlan): Promise<Round[][]> {
  const results: Round[][] = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { client, cpuSeconds }] of contestants.entries()) {
      const before = await cpuSeconds();
      const load = await client.ask<LoadResult>('load', plan);
      const after = await cpuSeconds();
      results[index]?.push({
        perSecond: load.requests / load.seconds,
        serverMicros: ((after - before) / load.requests) * 1e6,
        clientMicros: (load.clientCpuSeconds / load.requests) * 1e6,
      });
    }
  }
  return results;
}
