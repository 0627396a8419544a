import { MAILBOX_BODY_BYTES, MAILBOX_IN_FLIGHT } from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { QueueAccess } from '../queues/queue.ts';
import { tenantOf } from './guarded-node.ts';
import type { GuardedNode } from './guarded-node.ts';

/** The capability of a tenant, and where the node is. */
export async function accessTo(node: GuardedNode): Promise<QueueAccess> {
  const [capability] = await node.mint([tenantOf(1)]);
  return { address: await node.address(), capability: capability as Uint8Array };
}

/** A client process with an open queue. */
export async function openQueue(kind: string, access: QueueAccess): Promise<WorkerProcess> {
  const client = new WorkerProcess('clients/queue-main', [kind, String(MAILBOX_BODY_BYTES)]);
  await client.ask('open', { ...access, inFlight: MAILBOX_IN_FLIGHT });
  return client;
}
