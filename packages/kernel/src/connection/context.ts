import type { Admission } from '../admission.ts';
import type { Bus, Route } from '../bus.ts';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { PayloadCodec } from '../payload-codec.ts';
import type { WriteBufferPool } from '../wire/frame-writer.ts';
import type { HelloOffer } from '../wire/hello.ts';
import type { FlushQueue } from './outbound.ts';
import type { ReadTurns } from './read-turns.ts';
import type { RefusalBudget } from './refusal-budget.ts';

/** What all connections of a node share. */
export interface ConnectionContext {
  readonly bus: Bus;
  readonly admission: Admission;
  /** Absent where the node cannot decode COMP payloads; then it does not offer them. */
  readonly codec: PayloadCodec | undefined;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly writeBuffers: WriteBufferPool;
  readonly flushQueue: FlushQueue;
  readonly turns: ReadTurns;
  readonly refusals: RefusalBudget;
  readonly idleTimeoutMs: number;
  /** What the node says of itself in a HELLO at this moment. */
  offer(): HelloOffer;
  /** A service threw what is no refusal. */
  serviceCrashed(route: Route, error: unknown): void;
}
