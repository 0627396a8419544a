import { ExitCode } from './exit-code.ts';
import { printError } from './output.ts';
import { runCommand } from './program.ts';

// Whoever reads the output may have enough of it, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  printError(new Error(`standard output cannot be written: ${error.message}`), process.argv.includes('--json'));
  process.exit(ExitCode.FAILED);
});
process.exitCode = await runCommand(process.argv.slice(2));
