import type { Command } from 'commander';
import { addAuditTailCommand } from './tail-command.ts';
import { addAuditVerifyCommand } from './verify-command.ts';

const EXAMPLE = `
Example:
  $ ronctl audit verify
  $ ronctl audit tail --follow
`;

/** `ronctl audit`: what was done with capabilities. */
export function addAuditCommand(program: Command): void {
  const group = program.command('audit').description('the record of what was done with capabilities').addHelpText('after', EXAMPLE);
  addAuditVerifyCommand(group);
  addAuditTailCommand(group);
}
