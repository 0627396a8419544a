import { setTimeout as sleep } from 'node:timers/promises';

/** Something that an operator does now and then. */
export interface Chore {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** How often a chore was done, and what went wrong. */
export interface ChoreRecord {
  readonly name: string;
  done: number;
  /** The slowest one, milliseconds. */
  slowestMs: number;
  readonly failures: string[];
}

/** Does chores in turn, evenly spread over each pause, until it is stopped. */
export class Chores {
  readonly records: readonly ChoreRecord[];
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(chores: readonly Chore[], pauseMs: number) {
    this.records = chores.map(({ name }) => ({ name, done: 0, slowestMs: 0, failures: [] }));
    this.#running = this.#run(chores, pauseMs / Math.max(chores.length, 1));
  }

  /** Resolves when the chore that is being done is done. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(chores: readonly Chore[], pauseMs: number): Promise<void> {
    const { signal } = this.#stopping;
    for (let turn = 0; chores.length > 0; turn++) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const index = turn % chores.length;
      await perform(chores[index] as Chore, this.records[index] as ChoreRecord);
    }
  }
}

async function perform(chore: Chore, record: ChoreRecord): Promise<void> {
  const startMs = performance.now();
  try {
    await chore.run();
    record.done++;
  } catch (error) {
    record.failures.push(error instanceof Error ? error.message : String(error));
  }
  record.slowestMs = Math.max(record.slowestMs, performance.now() - startMs);
}
