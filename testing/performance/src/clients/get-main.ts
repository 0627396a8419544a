import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import type { EchoConnection } from './echo-connection.ts';
import type { Framing } from './framing.ts';
import { bareGetFraming, httpGetFraming, oapGetFraming } from './get-framing.ts';
import type { Downloads } from './get-framing.ts';
import type { LoadPlan } from './load.ts';
import { openRaw, rawLoad } from './raw-load.ts';

const FRAMINGS: Readonly<Record<string, (downloads: Downloads) => Framing>> = { bare: bareGetFraming, http: httpGetFraming, oap: oapGetFraming };

const framing = FRAMINGS[process.argv[2] ?? ''];
if (framing === undefined) throw new Error(`no protocol '${String(process.argv[2])}'`);

/** One request in flight on each connection, which is how files are asked for over HTTP. */
const IN_FLIGHT = 1;
let connections: EchoConnection[] = [];

answerParent({
  open: async (body: { address: Address; connections: number; downloads: Downloads }) => {
    for (const connection of connections) connection[Symbol.dispose]();
    connections = await openRaw(body.address, () => framing(body.downloads), body.connections, IN_FLIGHT);
  },
  load: async (plan: LoadPlan) => rawLoad(connections, IN_FLIGHT, plan),
});
