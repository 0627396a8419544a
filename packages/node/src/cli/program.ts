import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { VERSION } from '../version.ts';
import { check } from './check.ts';
import { configPage } from './config-page.ts';
import { ExitCode } from './exit-code.ts';
import { addConfigOptions, configOf } from './options.ts';
import type { ConfigFlags } from './options.ts';
import { start } from './start.ts';

const EXAMPLES = `
Examples:
  $ omnigate start
  $ omnigate start --service ./my-service.js
  $ omnigate start --oaps 0.0.0.0:6271 --tls-cert server.pem --tls-key server.key
  $ omnigate config --json
`;

const START_HELP = `
Settings without a flag, such as OMNIGATE_IDLE_TIMEOUT_MS, are shown by "omnigate config".
A flag is stronger than the environment, that is stronger than the file.

Signals:
  SIGTERM, SIGINT  finish open requests, then stop; a second one stops at once
  SIGHUP           use changed certificate and quota files

Examples:
  $ omnigate start --oap 0.0.0.0:6270 --data /var/lib/omnigate
  $ omnigate start --config /etc/omnigate.json --log-level debug
  $ omnigate start --oap off --oaps [::]:6271 --tls-cert server.pem --tls-key server.key --tls-client-ca clients.pem
`;

const EXIT_CODES = `
Exit codes: 0 done, 1 failed while running, 2 wrong call or configuration.
`;

/** Runs the command line; what it returns is the exit code of the process, unless a node keeps running. */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return ExitCode.OK;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    const lines = error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)];
    process.stderr.write(lines.map((line) => `omnigate: ${line}\n`).join(''));
    return error instanceof ConfigError ? ExitCode.USAGE : ExitCode.FAILED;
  }
}

function createProgram(): Command {
  const program = new Command('omnigate')
    .description('One port for applications and agents, guarded by capabilities and quotas.')
    .version(VERSION, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('Run it with --help to see what it takes.')
    .exitOverride()
    .addHelpText('after', EXAMPLES + EXIT_CODES);
  addConfigOptions(program.command('start').description('run a node until it is told to stop'))
    .addHelpText('after', START_HELP + EXIT_CODES)
    .action(async (flags: ConfigFlags) => {
      await start(configOf(flags));
    });
  addConfigOptions(program.command('config').description('show every setting in effect and where it came from'))
    .option('--json', 'for programs')
    .addHelpText('after', '\nExample:\n  $ omnigate config --oap 0.0.0.0:7000\n')
    .action(({ json = false, ...flags }: ConfigFlags & { json?: boolean }) => {
      process.stdout.write(configPage(configOf(flags), json));
    });
  addConfigOptions(program.command('check').description('try configuration, services, quotas and TLS files without starting'))
    .addHelpText('after', '\nExample:\n  $ omnigate check --config /etc/omnigate.json && systemctl restart omnigate\n')
    .action(async (flags: ConfigFlags) => {
      await check(configOf(flags).settings);
      process.stdout.write('ok\n');
    });
  program
    .command('version')
    .description('show the version')
    .addHelpText('after', '\nExample:\n  $ omnigate version\n')
    .action(() => {
      process.stdout.write(`${VERSION}\n`);
    });
  return program;
}
