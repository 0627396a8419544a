import { randomBytes } from 'node:crypto';

import { damagedFile, readPrivateFile, writePrivateFile } from '../files/private-file.ts';

/** The key of all audit logs of a store, in a file of its own: rotating other keys leaves it alone. */

const KEY_BYTES = 32;
const FILE_BYTES_MAX = 256;

export async function createAuditKeyFile(path: string): Promise<void> {
  await writePrivateFile(path, `${randomBytes(KEY_BYTES).toString('base64url')}\n`);
}

/**
 * @throws CapabilityError file_missing, file_mode, file_damaged
 */
export async function readAuditKey(path: string): Promise<Buffer> {
  const { text } = await readPrivateFile(path, FILE_BYTES_MAX);
  const key = Buffer.from(text.trimEnd(), 'base64url');
  if (key.length !== KEY_BYTES || key.toString('base64url') !== text.trimEnd()) {
    throw damagedFile(path, 'it is not 32 bytes in base64url');
  }
  return key;
}
