import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { COMMAND_TIMEOUT_MS } from '../bounds.ts';

const execute = promisify(execFile);

/**
 * Runs a command of the machine and returns what it printed.
 *
 * @throws Error with what it wrote to standard error
 */
export async function run(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await execute(command, args, { timeout: COMMAND_TIMEOUT_MS });
    return stdout;
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error(`${command} is not installed`, { cause });
    throw new Error(`${command} ${args.join(' ')}: ${stderr.trim() || (cause as Error).message}`, { cause });
  }
}
