import type { LoadTarget } from '../load/workload.ts';

/** What an attack process is to do. */
export interface AttackOrder {
  readonly target: LoadTarget;
  readonly seed: number;
  readonly messagesPerSecond: number;
}
