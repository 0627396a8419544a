import { statSync } from 'node:fs';
import type { Logger } from '@omnigate/kernel';

/** What a watch needs. */
export interface FileWatchOptions {
  /** Paths; a file that is missing now may come later. */
  readonly files: readonly string[];
  /** What the files are, for the log, such as `certificate files`. */
  readonly what: string;
  /** Name of the log event when they were put into use, and when they were not. */
  readonly reloadedEvent: string;
  readonly refusedEvent: string;
  readonly pollMs: number;
  readonly logger: Logger;
  /** Puts the files into use; throws, and keeps what was, when they do not work. */
  readonly reload: () => void;
}

/**
 * Notices changed files, so that nobody has to tell the node. Looks at the files
 * instead of subscribing to their folder: renewals replace files and links in
 * ways that subscriptions miss.
 */
export class FileWatch implements Disposable {
  readonly #options: FileWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #inUse: string;
  #refused: string | undefined;

  /** Assumes that the files as they are now are in use. */
  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.#inUse = stampOf(options.files);
    this.#timer = setInterval(() => {
      this.check();
    }, options.pollMs).unref();
  }

  /** Reloads if a file changed. A change that does not work is tried again: several files may come one by one. */
  check(): void {
    if (stampOf(this.#options.files) !== this.#inUse) this.reload();
  }

  /** Reloads, changed or not. Returns whether the files are in use now. */
  reload(): boolean {
    const { files, what, reloadedEvent, refusedEvent, logger, reload } = this.#options;
    const stamp = stampOf(files);
    try {
      reload();
    } catch (error) {
      if (stamp !== this.#refused) {
        logger.error({ event: refusedEvent, err: error }, `the ${what} do not work; what was in use before stays so`);
      }
      this.#refused = stamp;
      return false;
    }
    this.#inUse = stamp;
    this.#refused = undefined;
    logger.info({ event: reloadedEvent, files }, `the ${what} are in use`);
    return true;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Changes with every change of a file, and of what a link points at. */
function stampOf(files: readonly string[]): string {
  const stamps = files.map((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? 'missing' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
  });
  return stamps.join('\n');
}
