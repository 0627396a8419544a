import { readFile, open, rename, unlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

import { CapabilityError } from '../capability-error.ts';
import { LOCK_BLANK_MS, LOCK_RETRY_MS, LOCK_WAIT_MS } from '../limits.ts';

/**
 * Keeps processes of one machine from changing the same file at once: PATH.lock
 * holds who changes PATH. The lock of a process that is gone is taken over.
 */
export class FileLock implements AsyncDisposable {
  readonly #path: string;
  #held = true;

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * @param waitMs how long to wait for another holder
   * @throws CapabilityError file_locked
   */
  static async acquire(target: string, waitMs = LOCK_WAIT_MS): Promise<FileLock> {
    const path = `${target}.lock`;
    const self = await describeProcess(process.pid);
    const began = performance.now();
    let named = began;
    for (;;) {
      if (await create(path, self)) return new FileLock(path);
      const holder = await readHolder(path);
      const now = performance.now();
      if (holder !== undefined) named = now;
      if (holder === undefined ? now - named >= LOCK_BLANK_MS : !(await isAlive(holder))) {
        await takeAway(path, holder);
        continue;
      }
      if (now - began >= waitMs) {
        const who = holder?.split(' ', 1)[0] ?? 'another process';
        throw new CapabilityError('file_locked', `Process ${who} holds ${path}.`, `Wait for it to end; if it is no Omnigate process, delete ${path}.`);
      }
      await pause(LOCK_RETRY_MS);
    }
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    await unlink(this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/** Runs `change` while nobody else changes `path`. */
export async function withFileLock<Result>(path: string, change: () => Promise<Result>): Promise<Result> {
  const lock = await FileLock.acquire(path);
  try {
    return await change();
  } finally {
    await lock.release();
  }
}

async function create(path: string, holder: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx', 0o600);
    try {
      await handle.writeFile(holder);
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Who holds the lock; `undefined` when nobody does, or somebody is just about to write it. */
async function readHolder(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^\d+ .*$/.test(text) ? text : undefined;
}

/** `PID START`; the start tells a process from a later one with the same number, where /proc knows it. */
async function describeProcess(pid: number): Promise<string> {
  try {
    const [boot, status] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // The name in parentheses may hold anything; start time is the 20th field behind it.
    const started = status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    return `${pid} ${boot.trim()}/${started}`;
  } catch {
    return `${pid} `;
  }
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number(holder.split(' ', 1)[0]);
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return (await describeProcess(pid)) === holder;
}

/** Removes a dead holder's lock, unless somebody was faster: then the new one is put back. */
async function takeAway(path: string, holder: string | undefined): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
    if ((await readHolder(aside)) === holder) await unlink(aside);
    else await rename(aside, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
