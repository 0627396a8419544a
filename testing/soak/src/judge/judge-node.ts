import {
  AUDIT_GROWTH_BYTES_PER_HOUR_MAX,
  DESCRIPTORS_GROWTH_MAX,
  FILES_GROWTH_FLOOR_BYTES,
  FILES_GROWTH_SHARE_MAX,
  LIVES_GROWTH_SHARE_MAX,
  LOOP_DELAY_GROWTH_MS_MAX,
  MEMORY_GROWTH_FLOOR_BYTES,
  MEMORY_GROWTH_SHARE_MAX,
  MEMORY_GROWTH_WARMING_BYTES_MAX,
  WARMING_MS,
} from '../bounds.ts';
import type { FolderBytes, Sample } from '../samples/sample.ts';
import type { NodeEvidence } from './evidence.ts';
import { count, finding, mebibytes, percent, unjudged } from './finding.ts';
import type { Finding } from './finding.ts';
import { growthOf, growthOverLives } from './growth.ts';
import type { Growth } from './growth.ts';

const FILES: readonly (keyof FolderBytes)[] = ['mailbox', 'storage', 'rest'];

/** What one node must have kept to. */
export function judgeNode(node: NodeEvidence): readonly Finding[] {
  const { name, samples, steady, errors } = node;
  return [
    finding(`${name}: errors in the log`, errors.length === 0, count(errors.length), 'none'),
    judgeDescriptors(node),
    ...(steady ? judgeLongLife(name, samples) : [judgeLives(name, samples)]),
    ...FILES.map((part) => judgeFiles(name, samples, part)),
    judgeAudit(name, samples),
  ];
}

/** No descriptor is left over, by kind: one that is missing does not make up for another. */
function judgeDescriptors({ name, before, after }: NodeEvidence): Finding {
  const kinds = ['sockets', 'files', 'others'] as const;
  const words = (of: typeof before): string => kinds.map((kind) => `${of[kind]} ${kind}`).join(', ');
  const kept = kinds.every((kind) => after[kind] <= before[kind]);
  return finding(`${name}: descriptors left over`, kept, words(after), `as before: ${words(before)}`);
}

/** Slopes that only a life of hours has. */
function judgeLongLife(node: string, samples: readonly Sample[]): readonly Finding[] {
  return [
    judgeMemory(`${node}: memory`, growthOf(samples, ({ rssBytes }) => rssBytes)),
    judgeGrowth(`${node}: open descriptors`, growthOf(samples, ({ descriptors: { sockets, files, others } }) => sockets + files + others), {
      max: () => DESCRIPTORS_GROWTH_MAX,
      text: (value) => value.toFixed(1),
    }),
    judgeLoopDelay(node, samples),
  ];
}

function judgeLoopDelay(node: string, samples: readonly Sample[]): Finding {
  const name = `${node}: event loop delay`;
  const text = (value: number): string => `${value.toFixed(1)} ms`;
  const growth = growthOf(samples, ({ loopDelayMs }) => loopDelayMs);
  if (growth !== undefined && growth.halfMs < WARMING_MS) return unjudged(name, `${text(growth.before)}, too short to tell from what else the machine does`, 'growth near zero');
  return judgeGrowth(name, growth, { max: () => LOOP_DELAY_GROWTH_MS_MAX, text });
}

function judgeMemory(name: string, growth: Growth | undefined): Finding {
  const max = ({ halfMs, before }: Growth): number =>
    halfMs < WARMING_MS ? MEMORY_GROWTH_WARMING_BYTES_MAX : Math.max(MEMORY_GROWTH_FLOOR_BYTES, before * MEMORY_GROWTH_SHARE_MAX);
  return judgeGrowth(name, growth, { max, text: mebibytes });
}

function judgeLives(node: string, samples: readonly Sample[]): Finding {
  const max = ({ before }: Growth): number => Math.max(MEMORY_GROWTH_FLOOR_BYTES, before * LIVES_GROWTH_SHARE_MAX);
  return judgeGrowth(`${node}: memory from life to life`, growthOverLives(samples, ({ rssBytes }) => rssBytes), { max, text: mebibytes });
}

function judgeFiles(node: string, samples: readonly Sample[], part: keyof FolderBytes): Finding {
  const max = ({ before }: Growth): number => Math.max(FILES_GROWTH_FLOOR_BYTES, before * FILES_GROWTH_SHARE_MAX);
  return judgeGrowth(`${node}: files of ${part}`, growthOf(samples, ({ folder }) => folder[part]), { max, text: mebibytes });
}

function judgeAudit(node: string, samples: readonly Sample[]): Finding {
  const growth = growthOf(samples, ({ folder }) => folder.audit);
  const [name, bound] = [`${node}: audit log`, `at most ${mebibytes(AUDIT_GROWTH_BYTES_PER_HOUR_MAX)} an hour`];
  if (growth === undefined) return unjudged(name, 'too few samples', bound);
  return finding(name, growth.perHour <= AUDIT_GROWTH_BYTES_PER_HOUR_MAX, `${mebibytes(growth.perHour)} an hour`, bound);
}

interface Scale {
  /** The growth that is still near zero. */
  readonly max: (growth: Growth) => number;
  readonly text: (value: number) => string;
}

/** Only growth is a fault: what shrinks was a peak. */
function judgeGrowth(name: string, growth: Growth | undefined, { max, text }: Scale): Finding {
  if (growth === undefined) return unjudged(name, 'too few samples', 'growth near zero');
  const most = max(growth);
  const { overHalf, before, perHour } = growth;
  const share = before === 0 ? '' : ` (${percent(overHalf / before, 1)})`;
  return finding(name, overHalf <= most, `${text(before)}, then ${text(overHalf)} more over the second half${share}; ${text(perHour)} an hour`, `at most ${text(most)}`);
}
