import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '@omnigate/harness';

export const RONCTL = fileURLToPath(new URL('../bin/ronctl.js', import.meta.url));

/** How a program ended, and what it wrote. */
export interface Result {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What a run may be given. */
export interface RunOptions {
  readonly env?: Record<string, string>;
  /** Standard input. */
  readonly input?: Buffer | string;
  readonly cwd?: string;
}

/** Everything that was written by any run so far, so that a test can look for what must not be in it. */
export const written: string[] = [];

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], { env = {}, input, cwd }: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: cleanEnvironment(env), timeout: 90_000, ...(cwd === undefined ? {} : { cwd }) });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      const result = { code, stdout: Buffer.concat(stdout), stderr };
      written.push(stderr, result.stdout.toString());
      resolve(result);
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

const TRIES_MAX = 20;

/** Runs ronctl. A node on a machine that is too busy says so, and is asked again. */
export async function ronctl(args: readonly string[], options?: RunOptions): Promise<Result> {
  for (let tries = 1; ; tries++) {
    const result = await run(process.execPath, [RONCTL, ...args], options);
    if (tries === TRIES_MAX || !/\(503 overload\)|"reason":"overload"/.test(result.stderr)) return result;
  }
}

export const textOf = ({ stdout }: Result): string => stdout.toString();
export const jsonOf = ({ stdout }: Result): unknown => JSON.parse(stdout.toString());

const ON_A_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
output = b""
answered = False
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    output += data
    if b"[y/N]" in output and not answered:
        answered = True
        os.write(terminal, sys.argv[1].encode())
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(output)
sys.exit(os.waitstatus_to_exitcode(status))
`;

/** Runs ronctl on a terminal of its own, and answers its first question. */
export const onTerminal = (answer: string, args: readonly string[], options?: RunOptions): Promise<Result> =>
  run('python3', ['-c', ON_A_TERMINAL, answer, process.execPath, RONCTL, ...args], options);
