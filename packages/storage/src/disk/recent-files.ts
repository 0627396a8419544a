import { LRUCache } from 'lru-cache';
import { AT_HAND_MS_MAX, AT_HAND_PAUSE_TIMES, RECENT_FILES_MAX } from '../limits.ts';

/**
 * Files that the operating system most likely has in memory, since they were read
 * or written lately. Reading one while everybody waits costs less than having
 * another thread do it. It takes long where the guess is wrong and the disk slow:
 * then for many times as long nothing is read in this way.
 */
export class RecentFiles {
  readonly #names = new LRUCache<string, true>({ max: RECENT_FILES_MAX });
  #pausedUntilMs = 0;

  /** A file was read or written. */
  note(name: string): void {
    this.#names.set(name, true);
  }

  /** The file is another one, or gone. */
  forget(name: string): void {
    this.#names.delete(name);
  }

  /** Whether a file is likely to be read at once. */
  has(name: string): boolean {
    return this.#names.get(name) === true && performance.now() >= this.#pausedUntilMs;
  }

  /** Takes note of how long everybody waited for a read, milliseconds. */
  took(ms: number): void {
    if (ms > AT_HAND_MS_MAX) this.#pausedUntilMs = performance.now() + ms * AT_HAND_PAUSE_TIMES;
  }
}
