import type { AttackTally } from './attacks/attacker.ts';
import { NOTES_MAX } from './bounds.ts';
import { Tally } from './load/tally.ts';
import type { LoadTally } from './load/tally.ts';
import { KINDS } from './profile.ts';

/** The sums of what several load processes counted. */
export function mergeLoads(all: readonly (LoadTally | undefined)[]): LoadTally {
  const merged = new Tally().counts;
  for (const tally of all) {
    if (tally === undefined) continue;
    for (const kind of KINDS) {
      const [into, from] = [merged.kinds[kind], tally.kinds[kind]];
      into.asked += from.asked;
      into.answered += from.answered;
      into.wrong += from.wrong;
      into.slowestMs = Math.max(into.slowestMs, from.slowestMs);
      addAll(into.refused, from.refused);
      addAll(into.failed, from.failed);
    }
    merged.skipped += tally.skipped;
    merged.scans.made += tally.scans.made;
    merged.scans.messages += tally.scans.messages;
    merged.scans.different += tally.scans.different;
    merged.notes.push(...tally.notes);
  }
  merged.notes.splice(NOTES_MAX);
  return merged;
}

/** The sums of what several attackers counted. */
export function mergeAttacks(all: readonly (AttackTally | undefined)[]): AttackTally {
  const merged: AttackTally = { messages: 0, made: {}, absent: 0, unexpected: 0, notes: [] };
  for (const tally of all) {
    if (tally === undefined) continue;
    merged.messages += tally.messages;
    merged.absent += tally.absent;
    merged.unexpected += tally.unexpected;
    addAll(merged.made, tally.made);
    merged.notes.push(...tally.notes);
  }
  merged.notes.splice(NOTES_MAX);
  return merged;
}

function addAll(into: Record<string, number>, from: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(from)) into[name] = (into[name] ?? 0) + value;
}
