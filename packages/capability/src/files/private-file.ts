import type { BigIntStats } from 'node:fs';
import { mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { CapabilityError } from '../capability-error.ts';

/** Files that hold secrets or decide about access: mode 0600, in a folder that only their owner can change. */

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const OTHERS = 0o077n;
const OTHERS_WRITE = 0o022n;

/** Tells versions of a file apart without reading it: every write makes a new inode. */
export type FileVersion = string;

/** What is in a file, and which version of it that is. */
export interface PrivateFile {
  readonly text: string;
  readonly version: FileVersion;
}

/**
 * Reads a private file.
 *
 * @param bytesMax more is damage
 * @throws CapabilityError file_missing, file_mode, file_damaged
 */
export async function readPrivateFile(path: string, bytesMax: number): Promise<PrivateFile> {
  const handle = await openExisting(path);
  try {
    // The open file is judged, not the name, which may lead elsewhere a moment later.
    const stats = await handle.stat({ bigint: true });
    checkFile(path, stats);
    if (stats.size > BigInt(bytesMax)) throw damagedFile(path, `it has more than ${bytesMax} bytes`);
    const buffer = Buffer.alloc(bytesMax + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    return { text: buffer.toString('utf8', 0, bytesRead), version: versionOf(stats) };
  } finally {
    await handle.close();
  }
}

/** Which version of the file is there. @throws CapabilityError file_missing */
export async function privateFileVersion(path: string): Promise<FileVersion> {
  try {
    return versionOf(await stat(path, { bigint: true }));
  } catch (error) {
    throw missingFile(path, error);
  }
}

/**
 * Replaces a private file in one step: after a crash the old or the new text is
 * there. The caller holds the lock of `path`, so nobody else writes the temporary
 * file. A file that root replaces keeps its owner.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const owner = await stat(path).catch(() => stat(dirname(path)));
  const handle = await open(temporary, 'w', FILE_MODE);
  try {
    // A leftover of a crash may have had another mode.
    await handle.chmod(FILE_MODE);
    if (process.getuid?.() === 0) await handle.chown(owner.uid, owner.gid);
    await handle.writeFile(text, 'utf8');
    await handle.sync();
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Makes a folder, and those above it, that only its owner can enter; an existing one is left as it is. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
}

/**
 * Refuses a folder in which others could replace files.
 *
 * @throws CapabilityError file_missing, file_mode
 */
export async function checkPrivateFolder(path: string): Promise<void> {
  let stats: BigIntStats;
  try {
    stats = await stat(path, { bigint: true });
  } catch (error) {
    throw missingFile(path, error);
  }
  if ((stats.mode & OTHERS_WRITE) !== 0n) {
    throw new CapabilityError('file_mode', `Others may change files in ${path}.`, `Run "chmod 700 ${path}".`);
  }
}

/** Makes names that were added to, or removed from, a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Refuses an open file that others can read or write, or that belongs to somebody else. */
export function checkFile(path: string, stats: BigIntStats): void {
  if ((stats.mode & OTHERS) !== 0n) {
    throw new CapabilityError('file_mode', `Others may read or write ${path}.`, `Run "chmod 600 ${path}", and replace its keys if somebody could have read them.`);
  }
  const self = process.getuid?.();
  if (self !== undefined && self !== 0 && stats.uid !== BigInt(self)) {
    throw new CapabilityError('file_mode', `${path} belongs to another user.`, `Run as its owner, or run "chown ${self} ${path}" as root.`);
  }
}

export function missingFile(path: string, cause: unknown): CapabilityError {
  const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be opened';
  return new CapabilityError('file_missing', `${path} ${why}.`, 'Name the right data folder, restore the file from a backup, or create a new capability store.', { cause });
}

export function damagedFile(path: string, what: string): CapabilityError {
  return new CapabilityError('file_damaged', `${path} is not what was written: ${what}.`, 'Restore the file from a backup.');
}

async function openExisting(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw missingFile(path, error);
  }
}

function versionOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileVersion {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}
