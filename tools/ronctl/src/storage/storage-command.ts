import type { Command } from 'commander';
import { addGcCommand } from './gc-command.ts';
import { addGetCommand } from './get-command.ts';
import { addHasCommand } from './has-command.ts';
import { addLsCommand } from './ls-command.ts';
import { addPinCommand, addUnpinCommand } from './pin-command.ts';
import { addPutCommand } from './put-command.ts';
import { addScrubCommand } from './scrub-command.ts';
import { addStatCommand } from './stat-command.ts';

const EXAMPLE = `
Blobs are those of the tenant of the capability, which RON_CAP or --token-file has.
A blob is named by its id, b3m: and 64 hex digits, or by b3: and what b3sum prints.
Without a URL the node is RON_NODE_URL, else the local one.

Example:
  $ ronctl storage put map.pmtiles
  $ ronctl storage get b3m:2f0b... map.pmtiles
`;

/** `ronctl storage`: blobs of a node. */
export function addStorageCommand(program: Command): void {
  const group = program.command('storage').description('blobs of a node, named by what they hold').addHelpText('after', EXAMPLE);
  addPutCommand(group);
  addGetCommand(group);
  addHasCommand(group);
  addStatCommand(group);
  addLsCommand(group);
  addPinCommand(group);
  addUnpinCommand(group);
  addScrubCommand(group);
  addGcCommand(group);
}
