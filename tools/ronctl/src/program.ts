import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAuditCommand } from './audit/audit-command.ts';
import { addCapCommand } from './cap/cap-command.ts';
import { addCompletionCommand } from './completion-command.ts';
import { addEchoCommand } from './echo-command.ts';
import { EXIT_CODES, ExitCode, exitCodeOf } from './exit-code.ts';
import { addHelloCommand } from './hello-command.ts';
import { addMailboxCommand } from './mailbox/mailbox-command.ts';
import { printError } from './output.ts';
import { addPingCommand } from './ping-command.ts';
import { addStorageCommand } from './storage/storage-command.ts';
import { refuseTokens } from './token-source.ts';

const NOTES = `
Environment:
  RON_NODE_URL  the node, where a command names none (default: oap://127.0.0.1:6270)
  RON_CAP       capability; never given on a command line, since others can see those
  RON_CA_FILE   the same as --ca
  OMNIGATE_DATA the same as --data
`;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Runs the command line and returns the exit code of the process. */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  try {
    refuseTokens(args);
    await createProgram().parseAsync(args, { from: 'user' });
    return ExitCode.OK;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    printError(error, args.includes('--json'));
    return exitCodeOf(error);
  }
}

function createProgram(): Command {
  const program = new Command('ronctl')
    .description('The operator\'s command line for an Omnigate node.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('Run it with --help to see what it takes.')
    .exitOverride()
    .addHelpText('after', NOTES);
  addHelloCommand(program);
  addPingCommand(program);
  addEchoCommand(program);
  addMailboxCommand(program);
  addStorageCommand(program);
  addCapCommand(program);
  addAuditCommand(program);
  addCompletionCommand(program);
  explainExitCodes(program);
  return program;
}

function explainExitCodes(command: Command): void {
  command.addHelpText('after', EXIT_CODES);
  for (const child of command.commands) explainExitCodes(child);
}
