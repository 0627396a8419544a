import type { Kind } from '../profile.ts';
import type { LoadTarget } from './workload.ts';

/** What a load process is to do. */
export interface LoadOrder {
  readonly target: LoadTarget;
  readonly seed: number;
  /** Requests each second of each kind; those of a kind with 0 are not made at all. */
  readonly rates: Readonly<Record<Kind, number>>;
}
