import { postgres } from './postgres.ts';
import { redis } from './redis.ts';

/** Other durable queues, in the order in which they take their turns. */
export const queuePeers = [redis, postgres] as const;
