import { connect } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import { latencySummary } from '../statistics.ts';
import { payloadOf } from './framing.ts';
import { LoadMeter } from './load.ts';
import type { LoadPlan, LoadResult } from './load.ts';

const payload = payloadOf(Number(process.argv[2]));
let clients: readonly Client[] = [];
let inFlight = 0;

answerParent({
  open: async (body: { address: Address; connections: number; inFlight: number }) => {
    const url = `oap://${body.address.host}:${body.address.port}`;
    inFlight = body.inFlight;
    // A refusal is a finding here, and must not be hidden by trying again.
    clients = await Promise.all(Array.from({ length: body.connections }, () => connect({ url, retry: false })));
  },
  load: async (plan: LoadPlan): Promise<LoadResult> => {
    const meter = new LoadMeter(plan);
    await Promise.all(clients.flatMap((client) => Array.from({ length: inFlight }, () => echoInTurn(client, meter))));
    return meter.result();
  },
  roundTrips: async (requests: number) => {
    const [client] = clients;
    const latencies: number[] = [];
    while (client !== undefined && latencies.length < requests) {
      const sentAt = performance.now();
      await echoOnce(client);
      latencies.push(performance.now() - sentAt);
    }
    return latencySummary(latencies);
  },
});

/** One of the requests in flight: as applications do it, with await. */
async function echoInTurn(client: Client, meter: LoadMeter): Promise<void> {
  while (meter.running) {
    await echoOnce(client);
    meter.add(1);
  }
}

async function echoOnce(client: Client): Promise<void> {
  const reply = await client.echo(payload);
  if (reply.length !== payload.length) throw new Error(`the node echoed ${reply.length} of ${payload.length} bytes`);
}
