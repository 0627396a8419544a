import { connect, OapError } from '@omnigate/sdk';
import type { Client, ConnectOptions } from '@omnigate/sdk';
import { BUSY_PAUSE_MS, BUSY_TRIES_MAX } from '../bounds.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import { latencySummary } from '../statistics.ts';
import { fileContent } from './file-content.ts';
import type { Downloads } from './get-framing.ts';
import { LoadMeter } from './load.ts';
import type { LoadPlan, LoadResult } from './load.ts';

let clients: readonly Client[] = [];
let downloads: Downloads | undefined;

answerParent({
  open: async (body: { address: Address; connections: number; downloads: Downloads }) => {
    await Promise.all(clients.map((client) => client.close()));
    downloads = body.downloads;
    const url = `oap://${body.address.host}:${body.address.port}`;
    const options: ConnectOptions = { url, retry: false, cap: downloads.caller.capability };
    clients = await Promise.all(Array.from({ length: body.connections }, () => connect(options)));
  },
  /** Puts files from the `first` on and tells their ids, each read once and compared. */
  put: async ({ first, count, sizeBytes }: { first: number; count: number; sizeBytes: number }): Promise<string[]> => {
    const ids: string[] = [];
    await sideBySide(count, clients.length, async (client, index) => {
      const file = fileContent(first + index, sizeBytes);
      const { id } = await unlessBusy(() => client.storage().put(file));
      if (!file.equals(await unlessBusy(() => client.storage().get(id).bytes({ maxBytes: sizeBytes })))) throw new Error(`${id} came back different`);
      ids[index] = id;
    });
    return ids;
  },
  /** Seconds for puts of new bytes, `atOnce` of them side by side. */
  write: async (body: { sizeBytes: number; count: number; atOnce: number }): Promise<number> => {
    const startMs = performance.now();
    await sideBySide(body.count, body.atOnce, async (client) => {
      const file = fileContent(--written, body.sizeBytes);
      await unlessBusy(() => client.storage().put(file));
    });
    return (performance.now() - startMs) / 1_000;
  },
  load: async (plan: LoadPlan): Promise<LoadResult> => {
    const { names = [], sizeBytes } = downloads ?? {};
    const meter = new LoadMeter(plan);
    let turn = 0;
    await Promise.all(
      clients.map(async (client) => {
        while (meter.running) {
          const id = names[turn++ % names.length] as string;
          const bytes = await unlessBusy(() => drain(client, id));
          if (bytes !== sizeBytes) throw new Error(`a blob of ${bytes} bytes`);
          meter.add(1);
        }
      }),
    );
    return meter.result();
  },
  /** Round trips of a HAS over as many ids as one may have, milliseconds. */
  has: async ({ ids, requests }: { ids: readonly string[]; requests: number }) => {
    const latencies: number[] = [];
    while (latencies.length < requests) {
      const sentAt = performance.now();
      const have = await unlessBusy(() => firstClient().storage().has(ids));
      latencies.push(performance.now() - sentAt);
      if (!have.every(Boolean)) throw new Error('the node has not what it took');
    }
    return latencySummary(latencies);
  },
});

let written = 0;

async function sideBySide(count: number, atOnce: number, work: (client: Client, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const inTurn = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(clients[index % clients.length] as Client, index);
  };
  await Promise.all(Array.from({ length: atOnce }, inTurn));
}

function firstClient(): Client {
  const [client] = clients;
  if (client === undefined) throw new Error('open first');
  return client;
}

/** Reads a blob, each byte checked, and lets its bytes go; returns how many there were. */
async function drain(client: Client, id: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of client.storage().get(id)) bytes += chunk.length;
  return bytes;
}

/** On a machine with other work to do the node sees itself overloaded now and then. */
async function unlessBusy<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OapError && error.retryable) || tries === BUSY_TRIES_MAX) throw error;
      await sleep(BUSY_PAUSE_MS);
    }
  }
}
