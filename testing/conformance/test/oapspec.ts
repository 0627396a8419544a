import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '@omnigate/harness';

const OAPSPEC = fileURLToPath(new URL('../bin/oapspec.js', import.meta.url));

/** What a run of the command wrote, and how it ended. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command in a process of its own, from `dist/`. */
export async function oapspec(...args: readonly string[]): Promise<Run> {
  const child = spawn(process.execPath, [OAPSPEC, ...args], { env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}
