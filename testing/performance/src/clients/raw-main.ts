import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import { latencySummary } from '../statistics.ts';
import type { EchoConnection } from './echo-connection.ts';
import { bareFraming, httpFraming, oapFraming } from './framing.ts';
import type { Framing } from './framing.ts';
import type { LoadPlan } from './load.ts';
import { Neighbour } from './neighbour.ts';
import { openRaw, rawBursts, rawLoad, rawRoundTrips } from './raw-load.ts';

const FRAMINGS: Readonly<Record<string, (payloadBytes: number) => Framing>> = {
  bare: bareFraming,
  http: httpFraming,
  oap: oapFraming,
};

const [, , protocol = '', payloadBytes = ''] = process.argv;
const framing = FRAMINGS[protocol];
if (framing === undefined) throw new Error(`no protocol '${protocol}'`);

let connections: EchoConnection[] = [];
let inFlight = 0;
let neighbour: Neighbour | undefined;

answerParent({
  open: async (body: { address: Address; connections: number; inFlight: number }) => {
    inFlight = body.inFlight;
    connections = await openRaw(body.address, () => framing(Number(payloadBytes)), body.connections, inFlight);
  },
  load: async (plan: LoadPlan) => rawLoad(connections, inFlight, plan),
  roundTrips: async (requests: number) => latencySummary(await rawRoundTrips(firstConnection(), requests)),
  bursts: async (count: number) => rawBursts(firstConnection(), inFlight, count),
  watch: (intervalMs: number) => {
    neighbour = new Neighbour(firstConnection(), intervalMs);
  },
  watched: () => latencySummary(neighbour?.stop() ?? []),
  close: () => {
    for (const connection of connections) connection[Symbol.dispose]();
    connections = [];
  },
});

function firstConnection(): EchoConnection {
  const [connection] = connections;
  if (connection === undefined) throw new Error('open first');
  return connection;
}
