import type { AttackTally } from '../attacks/attacker.ts';
import type { LoadTally } from '../load/tally.ts';
import type { ChoreRecord } from '../nodes/chores.ts';
import type { Profile } from '../profile.ts';
import type { Descriptors, Sample } from '../samples/sample.ts';

/** What is known of one node after a run. */
export interface NodeEvidence {
  readonly name: string;
  /** It had one life, so its memory has a slope. */
  readonly steady: boolean;
  readonly samples: readonly Sample[];
  /** With all services in use and no connection, before the load and after it. */
  readonly before: Descriptors;
  readonly after: Descriptors;
  /** What descriptors lead to that are there after and were not before. */
  readonly leftOver: readonly string[];
  readonly errors: readonly string[];
}

/** All that a run is judged by. */
export interface Evidence {
  readonly profile: Profile;
  readonly seed: number;
  /** Requests each second that were asked for. */
  readonly rate: number;
  readonly seconds: number;
  readonly plannedSeconds: number;
  readonly load: LoadTally;
  readonly attacks: AttackTally;
  readonly chores: readonly ChoreRecord[];
  readonly nodes: readonly NodeEvidence[];
}
