import type { Tally } from './tally.ts';

/** Something that stores, and the oracle that remembers what it acknowledged. */
export interface Subject {
  readonly name: string;
  /** What was found so far. */
  readonly tally: Tally;
  /**
   * Starts it on what an earlier run has left.
   *
   * @param folder where it stores
   * @param env further environment of its process
   */
  start(folder: string, env?: Readonly<Record<string, string>>): Promise<Running>;
}

/** One run of a subject, from its start to its crash. */
export interface Running {
  /** Its process, once there is one. */
  readonly pid: number | undefined;
  /** Compares what is there with what was acknowledged; nothing else may use it meanwhile. */
  check(): Promise<void>;
  /** Keeps it busy from now on; settles when it has acknowledged something, or its process is gone. */
  load(): Promise<void>;
  /** Settles when its process is gone and what it acknowledged has been read. */
  ended(): Promise<void>;
  /** Kills its process, if it still runs, and waits for `ended`. */
  kill(): Promise<void>;
}
