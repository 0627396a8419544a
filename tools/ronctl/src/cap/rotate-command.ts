import type { Command } from 'commander';
import { addDataOption, openStore } from '../data-folder.ts';
import type { DataFlags } from '../data-folder.ts';
import { printJson } from '../output.ts';
import { duration } from '../time.ts';
import { keysJson, printKeys } from './keys.ts';

const EXAMPLE = `
The next key becomes active, the active one verify-only, and a new next key is
made. A verify-only key is believed until the last capability it may have minted
has expired, so a rotation takes nothing from anybody.

The longest life of capabilities belongs to a key: --ttl-max sets that of the new
next key, which mints from the rotation after this one on. Rotate twice to use it now.

Example:
  $ ronctl cap rotate
  $ ronctl cap rotate --ttl-max 8h && ronctl cap rotate
`;

interface RotateFlags extends DataFlags {
  readonly ttlMax?: number;
  readonly json?: boolean;
}

/** `ronctl cap rotate`: another key mints. */
export function addRotateCommand(group: Command): void {
  const command = group
    .command('rotate')
    .description('let the next key mint, and make a new next one')
    .option('--ttl-max <time>', 'longest life under the new next key (default: 1h, at most 31d)', duration);
  addDataOption(command).option('--json', 'print JSON').addHelpText('after', EXAMPLE).action(rotate);
}

async function rotate(flags: RotateFlags): Promise<void> {
  await using store = await openStore(flags);
  const keyring = await store.rotate(flags.ttlMax === undefined ? {} : { ttlMaxMs: flags.ttlMax });
  if (flags.json === true) printJson({ active: keyring.active.kid, keys: keysJson(keyring) });
  else printKeys(keyring);
}
