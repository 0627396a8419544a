import type { Command } from 'commander';
import { addAttenuateCommand } from './attenuate-command.ts';
import { addInspectCommand } from './inspect-command.ts';
import { addListKeysCommand } from './list-keys-command.ts';
import { addMintCommand } from './mint-command.ts';
import { addRevokeCommand } from './revoke-command.ts';
import { addRotateCommand } from './rotate-command.ts';
import { addVerifyCommand } from './verify-command.ts';

const EXAMPLE = `
Example:
  $ ronctl cap mint --tenant 00112233445566778899aabbccddeeff --app mailbox --ttl 5m
  $ ronctl cap inspect
`;

/** `ronctl cap`: capabilities and their keys. */
export function addCapCommand(program: Command): void {
  const group = program.command('cap').description('capabilities and their keys').addHelpText('after', EXAMPLE);
  addMintCommand(group);
  addAttenuateCommand(group);
  addInspectCommand(group);
  addVerifyCommand(group);
  addRotateCommand(group);
  addRevokeCommand(group);
  addListKeysCommand(group);
}
