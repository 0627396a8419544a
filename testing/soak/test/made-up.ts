import type { Evidence, NodeEvidence } from '../src/judge/evidence.ts';
import { Tally } from '../src/load/tally.ts';
import type { LoadTally } from '../src/load/tally.ts';
import { profileOf } from '../src/profiles.ts';
import type { Sample } from '../src/samples/sample.ts';

export const MIB = 1_048_576;
const HOUR_MS = 3_600_000;
const SAMPLE_MS = 10_000;
/** Restarts of the node that rolls. */
const LIFE_MS = 300_000;

/** A load of an hour at 100 requests a second, all answered. */
export function madeUpLoad(): LoadTally {
  const { counts } = new Tally();
  for (const [kind, asked] of [['echo', 216_000], ['mailbox', 108_000], ['storage', 36_000]] as const) {
    counts.kinds[kind].asked = asked;
    counts.kinds[kind].answered = asked;
  }
  counts.scans.made = 4;
  counts.scans.messages = 300;
  return counts;
}

/** Samples of an hour in which nothing grows, though memory goes up and down; `change` makes something else of each. */
export function madeUpSamples(steady: boolean, change: (sample: Sample) => Partial<Sample> = () => ({})): readonly Sample[] {
  return Array.from({ length: HOUR_MS / SAMPLE_MS }, (_, index) => {
    const atMs = (index + 1) * SAMPLE_MS;
    const life = steady ? 0 : Math.floor(index / (LIFE_MS / SAMPLE_MS));
    const sample: Sample = {
      atMs,
      life,
      ageMs: steady ? atMs : atMs - life * LIFE_MS,
      descriptors: { sockets: 9 + (index % 3), files: 95, others: 21 },
      rssBytes: (120 + (index % 7) * 3) * MIB,
      heapBytes: 20 * MIB,
      loopDelayMs: 20 + (index % 5) * 4,
      connections: 4,
      folder: { mailbox: 48 * MIB, storage: 10 * MIB, audit: 0.001 * index * MIB, rest: 20_480 },
    };
    return { ...sample, ...change(sample) };
  });
}

export function madeUpNode(name: string, more: Partial<NodeEvidence> = {}): NodeEvidence {
  const descriptors = { sockets: 5, files: 95, others: 21 };
  const steady = name === 'steady';
  return { name, steady, samples: madeUpSamples(steady), before: descriptors, after: descriptors, leftOver: [], errors: [], ...more };
}

/** A run of an hour of which everything holds. */
export function madeUp(more: Partial<Evidence> = {}): Evidence {
  return {
    profile: profileOf('general'),
    seed: 1,
    rate: 100,
    seconds: 3_600,
    plannedSeconds: 3_600,
    load: madeUpLoad(),
    attacks: { messages: 3_700, made: { 'bad frame': 100 }, absent: 2, unexpected: 0, notes: [] },
    chores: ['certificates replaced', 'keys rotated', 'restarts'].map((name) => ({ name, done: 12, slowestMs: 2_000, failures: [] })),
    nodes: [madeUpNode('steady'), madeUpNode('rolling')],
    ...more,
  };
}
