import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { findCommand } from '../peers/peer-server.ts';

/** Calls that make the disk flush, as strace names them. */
const FLUSHES = 'fsync,fdatasync,msync,sync_file_range,syncfs';
/** What it says once it sees the process. */
const ATTACHED = /attached/;

/** Counts the flushes of a process from outside. */
export class FlushCount {
  readonly #strace: ChildProcess;
  #flushes = 0;

  private constructor(strace: ChildProcess) {
    this.#strace = strace;
  }

  /** Undefined where there is no strace, or it may not look. */
  static async of(pid: number): Promise<FlushCount | undefined> {
    const command = findCommand('strace');
    if (command === undefined) return undefined;
    const strace = spawn(command, ['-f', '-e', `trace=${FLUSHES}`, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
    const count = new FlushCount(strace);
    return (await count.#watch()) ? count : undefined;
  }

  /** Ends the count and returns it. */
  async stop(): Promise<number> {
    const ended = once(this.#strace, 'close');
    this.#strace.kill('SIGINT');
    await ended;
    return this.#flushes;
  }

  /** True when it is attached; false when it ended instead. */
  async #watch(): Promise<boolean> {
    let rest = '';
    return new Promise((resolve) => {
      this.#strace.stderr?.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (ATTACHED.test(line)) resolve(true);
          // A call that another thread interrupted has a second line, with its result.
          else if (/\(/.test(line) && !/resumed>/.test(line)) this.#flushes++;
        }
      });
      this.#strace.on('exit', () => {
        resolve(false);
      });
      this.#strace.on('error', () => {
        resolve(false);
      });
    });
  }
}
