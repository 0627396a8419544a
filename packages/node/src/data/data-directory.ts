import { accessSync, constants, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isValid, ulid } from 'ulid';
import { ConfigError } from '../config/config-error.ts';
import { createAtomically } from './atomic-file.ts';
import { DirectoryLock } from './directory-lock.ts';

/** What `node.json` says. */
interface NodeIdentity {
  readonly id: string;
  readonly created_at: string;
}

const OTHERS_ACCESS = 0o077;

/** The folder that holds what a node remembers; one node at a time. */
export class DataDirectory implements Disposable {
  readonly path: string;
  /** ULID that the node got when it was first started with this folder. */
  readonly nodeId: string;
  /** Whether other users of the machine may look into the folder. */
  readonly readableByOthers: boolean;
  readonly #lock: DirectoryLock;

  /**
   * Creates the folder, for its owner alone, if it is not there.
   *
   * @throws ConfigError when it cannot be used, or holds something else
   * @throws Error when another node uses it
   */
  constructor(path: string) {
    this.path = path;
    makeWritable(path);
    this.readableByOthers = process.platform !== 'win32' && (statSync(path).mode & OTHERS_ACCESS) !== 0;
    this.#lock = new DirectoryLock(join(path, 'node.lock'));
    try {
      this.nodeId = loadOrCreateIdentity(join(path, 'node.json')).id;
    } catch (error) {
      this.#lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Lets another node in. */
  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}

function makeWritable(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new ConfigError([`cannot use the data directory ${path}: ${why}; name another one with --data`], { cause });
  }
}

function loadOrCreateIdentity(path: string): NodeIdentity {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const identity: NodeIdentity = { id: ulid(), created_at: new Date().toISOString() };
    createAtomically(path, `${JSON.stringify(identity, null, 2)}\n`);
    return identity;
  }
  const identity = parseIdentity(content);
  if (identity !== undefined) return identity;
  throw new ConfigError([`${path} does not hold the id of a node; restore it from a backup, or remove it to start as a new node`]);
}

function parseIdentity(content: string): NodeIdentity | undefined {
  try {
    const identity = JSON.parse(content) as Partial<NodeIdentity> | null;
    return typeof identity?.id === 'string' && isValid(identity.id) ? (identity as NodeIdentity) : undefined;
  } catch {
    return undefined;
  }
}
