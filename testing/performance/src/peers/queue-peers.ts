import { postgres } from './postgres.ts';
import { rabbitmq } from './rabbitmq.ts';
import { bullmq, redis } from './redis.ts';

/** Other durable queues, in the order in which they take their turns. */
export const queuePeers = [redis, postgres, rabbitmq, bullmq] as const;
