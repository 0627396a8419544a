/** Why a node should get no new traffic; a balancer reads them at `/readyz`. */
export type NotReadyReason = 'starting' | 'draining' | 'service_unavailable';

/** One thing that stands in the way of readiness. */
export interface NotReady {
  readonly reason: NotReadyReason;
  /** The service that is not running, with `service_unavailable`. */
  readonly service?: string;
}

/** Asked at each `/readyz`; ready when it returns nothing. */
export type Readiness = () => readonly NotReady[];
