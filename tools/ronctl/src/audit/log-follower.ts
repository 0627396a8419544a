import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { listAuditFiles, splitLines } from '@omnigate/capability';

/** Reads what is appended to one audit log, from the moment it was made on. */
export class LogFollower {
  readonly #folder: string;
  readonly #log: string;
  /** First record of the file that is read, and how much of it was. */
  #file = 0;
  #offset = 0;

  private constructor(folder: string, log: string) {
    this.#folder = folder;
    this.#log = log;
  }

  /** @param fromStart also what is there already: for a log that has just appeared */
  static async create(folder: string, log: string, fromStart: boolean): Promise<LogFollower> {
    const follower = new LogFollower(folder, log);
    const last = fromStart ? undefined : (await listAuditFiles(folder, log)).at(-1);
    if (last !== undefined) {
      follower.#file = last.first;
      follower.#offset = (await stat(last.path)).size;
    }
    return follower;
  }

  /** Whole lines that came since the last call. */
  async *lines(): AsyncGenerator<string> {
    for (const { path, first } of await listAuditFiles(this.#folder, this.#log)) {
      if (first < this.#file) continue;
      if (first > this.#file) {
        this.#file = first;
        this.#offset = 0;
      }
      if ((await stat(path)).size <= this.#offset) continue;
      for await (const { text, complete } of splitLines(path, createReadStream(path, { start: this.#offset }))) {
        if (!complete) break;
        this.#offset += text.length + 1;
        yield text;
      }
    }
  }
}
