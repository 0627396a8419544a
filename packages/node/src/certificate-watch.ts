import { statSync } from 'node:fs';
import type { Logger, TlsFiles } from '@omnigate/kernel';

/** What a certificate watch needs. */
export interface CertificateWatchOptions {
  readonly files: TlsFiles;
  readonly pollMs: number;
  readonly logger: Logger;
  /** Puts the files into use; throws, and keeps the old ones, when they do not work. */
  readonly reload: () => void;
}

/**
 * Notices renewed certificate files, so that nobody has to tell the node. Looks
 * at the files instead of subscribing to their folder: renewals replace files
 * and links in ways that subscriptions miss.
 */
export class CertificateWatch implements Disposable {
  readonly #options: CertificateWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #inUse: string;
  #refused: string | undefined;

  /** Assumes that the files as they are now are in use. */
  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#inUse = stampOf(options.files);
    this.#timer = setInterval(() => {
      this.check();
    }, options.pollMs).unref();
  }

  /** Reloads if a file changed. A change that does not work is tried again: key and certificate may come one by one. */
  check(): void {
    if (stampOf(this.#options.files) !== this.#inUse) this.reload();
  }

  /** Reloads, changed or not. Returns whether the files are in use now. */
  reload(): boolean {
    const { files, logger, reload } = this.#options;
    const stamp = stampOf(files);
    try {
      reload();
    } catch (error) {
      if (stamp !== this.#refused) {
        logger.error({ event: 'CertificateRefused', err: error }, 'certificate files do not work; the old ones stay in use');
      }
      this.#refused = stamp;
      return false;
    }
    this.#inUse = stamp;
    this.#refused = undefined;
    logger.info({ event: 'CertificateReloaded', cert: files.cert }, 'certificate files are in use');
    return true;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Changes with every change of a file, and of what a link points at. */
function stampOf({ cert, key, clientCa }: TlsFiles): string {
  const stamps = [cert, key, ...(clientCa === undefined ? [] : [clientCa])].map((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? 'missing' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
  });
  return stamps.join('\n');
}
