import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { CAPABILITY_FOLDER, CapabilityError, CapabilityStore } from '@omnigate/capability';
import type { CapabilityVerifier } from '@omnigate/capability';

/** Where a node keeps its data unless told otherwise; the same as its own default. */
const DATA_FOLDER = '.omnigate';
/** The log that this program writes beside that of the node. */
const AUDIT_LOG = 'ronctl';

export interface DataFlags {
  readonly data?: string;
}

export function addDataOption(command: Command): Command {
  return command.option('--data <dir>', 'data directory of the node (or OMNIGATE_DATA; default: .omnigate)');
}

/** Folder of the capability store below the data directory. */
export function storeFolder({ data }: DataFlags): string {
  const fromEnvironment = process.env['OMNIGATE_DATA'] ?? '';
  return join(data ?? (fromEnvironment === '' ? DATA_FOLDER : fromEnvironment), CAPABILITY_FOLDER);
}

/**
 * Opens the store beside a node that may be running.
 *
 * @throws CapabilityError
 */
export async function openStore(flags: DataFlags): Promise<CapabilityStore> {
  const folder = storeFolder(flags);
  return explained(folder, CapabilityStore.open({ folder, auditLog: AUDIT_LOG }));
}

/** Keys and revocations for a look. @throws CapabilityError */
export async function readVerifier(flags: DataFlags): Promise<CapabilityVerifier> {
  const folder = storeFolder(flags);
  return explained(folder, CapabilityStore.readVerifier(folder));
}

/** Makes the store unless there is one. @throws CapabilityError */
export async function createStore(flags: DataFlags): Promise<void> {
  try {
    await CapabilityStore.create(storeFolder(flags), { nowMs: Date.now() });
  } catch (error) {
    if (!(error instanceof CapabilityError) || error.code !== 'file_exists') throw error;
  }
}

/** Says of a store that is not there what usually helps. */
export async function explained<Result>(folder: string, reading: Promise<Result>): Promise<Result> {
  try {
    return await reading;
  } catch (cause) {
    if (existsSync(folder) || !isMissing(cause)) throw cause;
    throw new CapabilityError(
      'file_missing',
      `There is no capability store in ${folder}.`,
      'Start the node once with this data directory, name another one with --data, or make a store with "ronctl cap mint --create".',
      { cause },
    );
  }
}

function isMissing(error: unknown): boolean {
  if (error instanceof CapabilityError) return error.code === 'file_missing' && isMissing(error.cause);
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}
