import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addCompletionCommand } from './completion-command.ts';
import { addEchoCommand } from './echo-command.ts';
import { ExitCode, exitCodeOf } from './exit-code.ts';
import { addHelloCommand } from './hello-command.ts';
import { printError } from './output.ts';
import { addPingCommand } from './ping-command.ts';

const NOTES = `
Environment:
  RON_NODE_URL  the node, where a command names none (default: oap://127.0.0.1:6270)
  RON_CAP       capability; read from here only, since command lines are no secret
  RON_CA_FILE   the same as --ca

Exit codes: 0 done, 1 the node refused or failed, 2 wrong call, 3 no connection.
`;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Runs the command line and returns the exit code of the process. */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  try {
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
    .description('Speaks to an Omnigate node from the command line.')
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('Run it with --help to see what it takes.')
    .exitOverride()
    .addHelpText('after', NOTES);
  addHelloCommand(program);
  addPingCommand(program);
  addEchoCommand(program);
  addCompletionCommand(program);
  return program;
}
