import { program } from './program.ts';

// Whoever reads the output may have enough of it, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});
process.exitCode = await program(process.argv.slice(2));
