import type { Command } from 'commander';
import { addDataOption, readVerifier } from '../data-folder.ts';
import type { DataFlags } from '../data-folder.ts';
import { printJson } from '../output.ts';
import { keysJson, printKeys } from './keys.ts';

const EXAMPLE = `
next         every node knows it already; the next rotation makes it active
active       mints
verify-only  mints no more; what it minted is believed until it ends
retired      its secret is forgotten

Example:
  $ ronctl cap list-keys --data /var/lib/omnigate
`;

interface ListFlags extends DataFlags {
  readonly json?: boolean;
}

/** `ronctl cap list-keys`: ids, states and times of the keys. */
export function addListKeysCommand(group: Command): void {
  const command = group.command('list-keys').description('show the keys and their states, never their secrets');
  addDataOption(command).option('--json', 'print JSON').addHelpText('after', EXAMPLE).action(listKeys);
}

async function listKeys(flags: ListFlags): Promise<void> {
  const { keyring } = await readVerifier(flags);
  if (flags.json === true) printJson({ keys: keysJson(keyring) });
  else printKeys(keyring);
}
