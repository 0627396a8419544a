import type { Command } from 'commander';
import { addDlqCommand } from './dlq-command.ts';
import { addLsCommand } from './ls-command.ts';
import { addPeekCommand } from './peek-command.ts';
import { addPurgeCommand } from './purge-command.ts';
import { addReceiveCommand } from './receive-command.ts';
import { addRedriveCommand } from './redrive-command.ts';
import { addSendCommand } from './send-command.ts';
import { addStatsCommand } from './stats-command.ts';

const EXAMPLE = `
Topics are those of the tenant of the capability, which RON_CAP or --token-file has.
Without a URL the node is RON_NODE_URL, else the local one.

Example:
  $ ronctl mailbox send orders hello
  $ ronctl mailbox receive orders
`;

/** `ronctl mailbox`: topics and their messages. */
export function addMailboxCommand(program: Command): void {
  const group = program.command('mailbox').description('topics of a node and their messages').addHelpText('after', EXAMPLE);
  addLsCommand(group);
  addStatsCommand(group);
  addPeekCommand(group);
  addSendCommand(group);
  addReceiveCommand(group);
  addDlqCommand(group);
  addRedriveCommand(group);
  addPurgeCommand(group);
}
