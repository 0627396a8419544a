import type { Key, Keyring } from '@omnigate/capability';
import { printRows } from '../output.ts';
import { formatDuration, formatMoment } from '../time.ts';

/** Keys as commands show them: ids, states and times; a key has no secret in it. */

/** The keys of a keyring for programs. */
export function keysJson({ keys }: Keyring) {
  return keys.map(({ kid, state, createdAtMs, ttlMaxMs, retireAtMs }) => ({
    kid,
    state,
    created_at_ms: createdAtMs,
    ttl_max_ms: ttlMaxMs,
    retire_at_ms: retireAtMs ?? null,
  }));
}

/** The keys of a keyring for people. */
export function printKeys({ keys }: Keyring): void {
  printRows(['KEY', 'STATE', 'LONGEST LIFE', 'MADE', 'ENDS'], keys.map(rowOf));
}

function rowOf({ kid, state, ttlMaxMs, createdAtMs, retireAtMs }: Key): string[] {
  const end = retireAtMs === undefined ? '-' : formatMoment(retireAtMs);
  return [kid, state, formatDuration(ttlMaxMs), formatMoment(createdAtMs), end];
}
