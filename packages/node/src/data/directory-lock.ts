import { readFileSync, renameSync, rmSync } from 'node:fs';
import { ulid } from 'ulid';
import { createAtomically } from './atomic-file.ts';
import { processExists, processIdentity } from './process-identity.ts';

/** What a lock file says of its owner. */
interface LockOwner {
  readonly pid: number;
  /** See `processIdentity`; absent where the system does not say. */
  readonly process?: string;
}

/** Takes of a lock that goes stale again and again; two nodes fighting for it need two. */
const ATTEMPTS_MAX = 3;

/** Locks of this process; one listener removes them all when it ends without stopping its nodes. */
const held = new Set<string>();

const releaseAll = (): void => {
  for (const path of held) rmSync(path, { force: true });
};

/**
 * Keeps a second node out of a data directory. A lock whose process is gone, as
 * after a power failure, is taken over. This works among the processes that see
 * each other's pids; it does not guard a directory that several machines share.
 */
export class DirectoryLock implements Disposable {
  readonly #path: string;

  /** @throws Error that names the process that holds the lock */
  constructor(path: string) {
    this.#path = path;
    for (let attempt = 1; !this.#create(); attempt++) {
      const content = readIfThere(path);
      const owner = parseOwner(content);
      if (owner !== undefined && isAlive(owner, path)) throw inUse(path, `the node with pid ${owner.pid}`);
      if (attempt === ATTEMPTS_MAX) throw inUse(path, 'another node that starts at this moment');
      if (content !== undefined) setAside(path, content);
    }
    if (held.size === 0) process.on('exit', releaseAll);
    held.add(path);
  }

  [Symbol.dispose](): void {
    if (!held.delete(this.#path)) return;
    rmSync(this.#path, { force: true });
    if (held.size === 0) process.off('exit', releaseAll);
  }

  #create(): boolean {
    const identity = processIdentity(process.pid);
    const owner: LockOwner = { pid: process.pid, ...(identity === undefined ? {} : { process: identity }) };
    try {
      createAtomically(this.#path, `${JSON.stringify(owner)}\n`);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }
}

function inUse(path: string, by: string): Error {
  return new Error(
    `the data directory is in use by ${by}; stop that node, or give this one a directory of its own with --data (lock file ${path})`,
  );
}

function isAlive(owner: LockOwner, path: string): boolean {
  const identity = processIdentity(owner.pid);
  if (owner.process !== undefined && identity !== undefined) return owner.process === identity;
  // A process that got our pid in an earlier life is not us.
  return owner.pid === process.pid ? held.has(path) : processExists(owner.pid);
}

/** Moves a stale lock away. What another node has put in its place meanwhile goes back. */
function setAside(path: string, stale: string): void {
  const aside = `${path}.${ulid()}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = readIfThere(aside);
  if (moved !== stale && moved !== undefined) {
    renameSync(aside, path);
    return;
  }
  rmSync(aside, { force: true });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseOwner(content: string | undefined): LockOwner | undefined {
  try {
    const owner = JSON.parse(content ?? '') as Partial<LockOwner> | null;
    return Number.isSafeInteger(owner?.pid) && (owner?.pid ?? 0) > 0 ? (owner as LockOwner) : undefined;
  } catch {
    return undefined;
  }
}
