import { access } from 'node:fs/promises';

import { CapabilityError } from './capability-error.ts';
import { withFileLock } from './files/file-lock.ts';
import { arrayOf, FieldFault, integerOf, objectOf, parseObject, textOf } from './files/json-fields.ts';
import { damagedFile, readPrivateFile, writePrivateFile } from './files/private-file.ts';
import type { FileVersion } from './files/private-file.ts';
import { REVOCATIONS_FILE_BYTES_MAX, REVOCATIONS_MAX, TIME_MS_MAX } from './limits.ts';
import { RevocationList } from './revocations.ts';
import type { Revocation } from './revocations.ts';

/** The revocations' file (specs/capability-1.md §8.3). */

const FORMAT = /^omnigate-revocations-1$/;

/**
 * @throws CapabilityError file_missing, file_mode, file_damaged
 */
export async function readRevocations(path: string): Promise<{ revocations: RevocationList; version: FileVersion }> {
  const { text, version } = await readPrivateFile(path, REVOCATIONS_FILE_BYTES_MAX);
  try {
    return { revocations: parseRevocations(text), version };
  } catch (error) {
    throw error instanceof FieldFault ? damagedFile(path, error.message) : error;
  }
}

/** Makes the file, empty. @throws CapabilityError file_exists */
export async function createRevocationsFile(path: string): Promise<void> {
  await withFileLock(path, async () => {
    const exists = await access(path).then(() => true, () => false);
    if (exists) throw new CapabilityError('file_exists', `${path} exists.`, 'Use the revocations in it, or name another data folder.');
    await writePrivateFile(path, formatRevocations(RevocationList.EMPTY));
  });
}

/** Reads, changes and writes the file while nobody else does; gives what was written. */
export async function changeRevocationsFile(
  path: string,
  change: (revocations: RevocationList) => RevocationList,
): Promise<RevocationList> {
  return withFileLock(path, async () => {
    const changed = change((await readRevocations(path)).revocations);
    await writePrivateFile(path, formatRevocations(changed));
    return changed;
  });
}

/** One entry a line, so that a person can read a difference. */
function formatRevocations({ sequence, entries }: RevocationList): string {
  const lines = entries.map((entry) =>
    JSON.stringify(
      'nonce' in entry
        ? { sequence: entry.sequence, nonce: entry.nonce, forget_at_ms: entry.forgetAtMs }
        : { sequence: entry.sequence, tenant: entry.tenant, issued_until_ms: entry.issuedUntilMs, forget_at_ms: entry.forgetAtMs },
    ),
  );
  return `{"format":"omnigate-revocations-1","sequence":${sequence},"entries":[\n${lines.join(',\n')}\n]}\n`;
}

function parseRevocations(text: string): RevocationList {
  const file = parseObject(text);
  textOf(file, 'format', FORMAT);
  const sequence = integerOf(file, 'sequence', Number.MAX_SAFE_INTEGER);
  const entries = arrayOf(file, 'entries');
  if (entries.length > REVOCATIONS_MAX) throw new FieldFault('entries has too many entries');
  let last = 0;
  const revocations = entries.map((value, index): Revocation => {
    const entry = objectOf(value, `entries[${index}]`);
    const common = {
      sequence: integerOf(entry, 'sequence', sequence),
      forgetAtMs: integerOf(entry, 'forget_at_ms', Number.MAX_SAFE_INTEGER),
    };
    if (common.sequence <= last) throw new FieldFault('entries are not in the order of their sequence');
    last = common.sequence;
    if ('nonce' in entry) return Object.freeze({ ...common, nonce: textOf(entry, 'nonce', /^[0-9a-f]{32}$/) });
    return Object.freeze({
      ...common,
      tenant: textOf(entry, 'tenant', /^[0-9a-f]{32}$/),
      issuedUntilMs: integerOf(entry, 'issued_until_ms', TIME_MS_MAX),
    });
  });
  return new RevocationList(sequence, revocations);
}
