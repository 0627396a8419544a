import { EXPECT_TIMEOUT_MS } from './bounds.ts';

/** One line of a node's log. */
export interface LogEntry {
  /** 30 info, 40 warn, 50 error, 60 fatal. */
  readonly level: number;
  readonly msg?: string;
  readonly event?: string;
  readonly [field: string]: unknown;
}

interface Waiter {
  readonly event: string;
  readonly resolve: (entry: LogEntry) => void;
  readonly reject: (error: Error) => void;
}

/** Keeps the log of a node and waits for what is to come in it; a destination for a logger. */
export class LogRecorder {
  readonly entries: LogEntry[] = [];
  #waiters: Waiter[] = [];
  #ended = false;

  /** Takes one line of JSON. */
  write(line: string): void {
    const entry = JSON.parse(line) as LogEntry;
    this.entries.push(entry);
    for (const { event, resolve } of this.#waiters) if (event === entry.event) resolve(entry);
  }

  /** Nothing will come any more; whoever waits is told. */
  end(): void {
    this.#ended = true;
    for (const { event, reject } of this.#waiters) reject(new Error(`the log ended without ${event}`));
  }

  /** The first entry of an event, of those already there or to come. */
  async event(event: string, timeoutMs = EXPECT_TIMEOUT_MS): Promise<LogEntry> {
    const found = this.entries.find((entry) => entry.event === event);
    if (found !== undefined) return found;
    if (this.#ended) throw new Error(`the log ended without ${event}`);
    let timer: NodeJS.Timeout | undefined;
    let waiter: Waiter | undefined;
    try {
      return await new Promise<LogEntry>((resolve, reject) => {
        waiter = { event, resolve, reject };
        this.#waiters.push(waiter);
        timer = setTimeout(() => {
          reject(new Error(`no ${event} in the log within ${timeoutMs} ms`));
        }, timeoutMs);
      });
    } finally {
      clearTimeout(timer);
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    }
  }
}
