import { answerParent } from '../process/worker-loop.ts';
import { BullmqQueue } from '../queues/bullmq-queue.ts';
import { OmnigateQueue } from '../queues/omnigate-queue.ts';
import { PostgresQueue } from '../queues/postgres-queue.ts';
import type { Queue, QueueAccess } from '../queues/queue.ts';
import { RabbitmqQueue } from '../queues/rabbitmq-queue.ts';
import { RedisQueue } from '../queues/redis-queue.ts';
import { latencySummary } from '../statistics.ts';
import { payloadOf } from './framing.ts';
import type { LoadPlan } from './load.ts';
import { cycles, fill, sendLatencies } from './queue-load.ts';

const KINDS: Readonly<Record<string, { open(access: QueueAccess): Promise<Queue> }>> = {
  omnigate: OmnigateQueue,
  redis: RedisQueue,
  postgres: PostgresQueue,
  rabbitmq: RabbitmqQueue,
  bullmq: BullmqQueue,
};

const [, , kind = '', bodyBytes = ''] = process.argv;
const opener = KINDS[kind];
if (opener === undefined) throw new Error(`no queue '${kind}'`);
const body = payloadOf(Number(bodyBytes));
let queue: Queue | undefined;
let inFlight = 0;

answerParent({
  open: async (access: QueueAccess & { readonly inFlight: number }) => {
    inFlight = access.inFlight;
    queue = await opener.open(access);
  },
  load: async (plan: LoadPlan) => cycles(opened(), body, inFlight, plan),
  fill: async (messages: number) => fill(opened(), body, messages),
  sendLatencies: async (messages: number) => latencySummary(await sendLatencies(opened(), body, messages)),
});

function opened(): Queue {
  if (queue === undefined) throw new Error('open first');
  return queue;
}
