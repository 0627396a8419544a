import type { Client } from '@omnigate/sdk';
import type { Tally } from '../tally.ts';

/** One service under load, and the oracle of what it acknowledged; it lives through all rounds. */
export interface Workload {
  /** Compares what the service has with what it acknowledged. */
  check(client: Client, tally: Tally): Promise<void>;
  /** Keeps the service busy; settles when `load` has ended and every answer was read. */
  run(client: Client, tally: Tally, load: Load): Promise<void>;
}

/** The load of one round. */
export interface Load {
  /** False once the process is gone: what was asked and not answered has an unknown outcome. */
  readonly goesOn: boolean;
  /** To be called when something was acknowledged. */
  acknowledged(): void;
}
