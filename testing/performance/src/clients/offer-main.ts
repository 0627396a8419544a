import { constants, setPriority } from 'node:os';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import { offer, settle } from './offer.ts';
import type { OfferPlan } from './offer.ts';
import { OfferConnection } from './offer-connection.ts';
import type { OfferedRequest } from './offer-connection.ts';

const connections: OfferConnection[] = [];
// The node does not share its machine with those who ask too much of it.
if (process.argv[2] === 'yielding') setPriority(constants.priority.PRIORITY_LOW);

answerParent({
  /** One connection for each request. */
  open: async ({ address, requests }: { address: Address; requests: readonly OfferedRequest[] }) => {
    for (const connection of connections.splice(0)) connection[Symbol.dispose]();
    for (const request of requests) connections.push(await OfferConnection.open(address, request));
  },
  offer: async (plan: OfferPlan) => offer(connections, plan),
  /** Resolves when all that was sent is answered. */
  settle: async () => settle(connections, Number.POSITIVE_INFINITY),
});
