import type { OverloadCause } from './overload/pressure.ts';

/** Why a node should get no new traffic; a balancer reads them at `/readyz`. */
export type NotReadyReason = 'starting' | 'draining' | 'overload' | 'service_unavailable';

/** One thing that stands in the way of readiness. */
export interface NotReady {
  readonly reason: NotReadyReason;
  /** The service that is not running, with `service_unavailable`. */
  readonly service?: string;
  /** What the node is short of, with `overload`. */
  readonly causes?: readonly OverloadCause[];
}

/** Asked at each `/readyz`; ready when it returns nothing. */
export type Readiness = () => readonly NotReady[];
