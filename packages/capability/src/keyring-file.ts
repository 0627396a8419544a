import { access } from 'node:fs/promises';

import { CapabilityError } from './capability-error.ts';
import { withFileLock } from './files/file-lock.ts';
import { arrayOf, FieldFault, integerOf, objectOf, parseObject, textOf } from './files/json-fields.ts';
import { damagedFile, readPrivateFile, writePrivateFile } from './files/private-file.ts';
import type { FileVersion } from './files/private-file.ts';
import { Keyring, recordsOf, SECRET_BYTES } from './keyring.ts';
import type { Key, KeyRecord, KeyState } from './keyring.ts';
import { KEYRING_FILE_BYTES_MAX, KEYS_MAX, RETIRED_KEYS_MAX, TIME_MS_MAX, TTL_MS_CEILING } from './limits.ts';

/** The keyring's file (specs/capability-1.md §7.3). */

const FORMAT = /^omnigate-keyring-1$/;

/**
 * @throws CapabilityError file_missing, file_mode, file_damaged
 */
export async function readKeyring(path: string): Promise<{ keyring: Keyring; version: FileVersion }> {
  const { text, version } = await readPrivateFile(path, KEYRING_FILE_BYTES_MAX);
  try {
    return { keyring: parseKeyring(text), version };
  } catch (error) {
    throw error instanceof FieldFault ? damagedFile(path, error.message) : error;
  }
}

/** Makes the file. @throws CapabilityError file_exists */
export async function createKeyringFile(path: string, keyring: Keyring): Promise<void> {
  await withFileLock(path, async () => {
    const exists = await access(path).then(() => true, () => false);
    if (exists) throw new CapabilityError('file_exists', `${path} exists.`, 'Use the keys in it, or name another data folder.');
    await writePrivateFile(path, formatKeyring(keyring));
  });
}

/** Reads, changes and writes the file while nobody else does; gives what was written. */
export async function changeKeyringFile(path: string, change: (keyring: Keyring) => Keyring): Promise<Keyring> {
  return withFileLock(path, async () => {
    const changed = change((await readKeyring(path)).keyring);
    await writePrivateFile(path, formatKeyring(changed));
    return changed;
  });
}

function formatKeyring(keyring: Keyring): string {
  const keys = recordsOf(keyring).map(({ key, secret }) => ({
    kid: key.kid,
    state: key.state,
    created_at_ms: key.createdAtMs,
    ttl_max_ms: key.ttlMaxMs,
    ...(key.retireAtMs === undefined ? {} : { retire_at_ms: key.retireAtMs }),
    ...(secret === undefined ? {} : { secret: secret.toString('base64url') }),
  }));
  return `${JSON.stringify({ format: 'omnigate-keyring-1', keys }, null, 2)}\n`;
}

function parseKeyring(text: string): Keyring {
  const file = parseObject(text);
  textOf(file, 'format', FORMAT);
  const entries = arrayOf(file, 'keys');
  if (entries.length > KEYS_MAX + RETIRED_KEYS_MAX) throw new FieldFault('keys has too many entries');
  const records = entries.map((entry, index) => parseRecord(objectOf(entry, `keys[${index}]`)));
  const count = (state: KeyState) => records.filter(({ key }) => key.state === state).length;
  if (count('active') !== 1 || count('next') > 1) throw new FieldFault('there is not one active and at most one next key');
  if (new Set(records.map(({ key }) => key.kid)).size !== records.length) throw new FieldFault('two keys have the same kid');
  return new Keyring(records);
}

function parseRecord(entry: ReturnType<typeof objectOf>): KeyRecord {
  const state = textOf(entry, 'state', /^(next|active|verify-only|retired)$/) as KeyState;
  const key: Key = {
    kid: textOf(entry, 'kid', /^[0-9a-f]{16}$/),
    state,
    createdAtMs: integerOf(entry, 'created_at_ms', TIME_MS_MAX),
    ttlMaxMs: integerOf(entry, 'ttl_max_ms', TTL_MS_CEILING),
  };
  if (state === 'retired') {
    if ('secret' in entry) throw new FieldFault('a retired key has a secret');
    const ended = 'retire_at_ms' in entry ? { ...key, retireAtMs: integerOf(entry, 'retire_at_ms', TIME_MS_MAX) } : key;
    return { key: Object.freeze(ended), secret: undefined };
  }
  const text = textOf(entry, 'secret', /^[A-Za-z0-9_-]{43}$/);
  const secret = Buffer.from(text, 'base64url');
  if (secret.length !== SECRET_BYTES || secret.toString('base64url') !== text) throw new FieldFault('secret has not the right form');
  if (state !== 'verify-only') return { key: Object.freeze(key), secret };
  return { key: Object.freeze({ ...key, retireAtMs: integerOf(entry, 'retire_at_ms', TIME_MS_MAX) }), secret };
}
