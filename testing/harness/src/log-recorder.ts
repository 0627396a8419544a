import { EXPECT_TIMEOUT_MS } from './bounds.ts';
import { withDeadline } from './deadline.ts';

/** One line of a node's log. */
export interface LogEntry {
  /** 30 info, 40 warn, 50 error, 60 fatal. */
  readonly level: number;
  readonly msg?: string;
  readonly event?: string;
  readonly [field: string]: unknown;
}

/** Keeps the log of a node and waits for what is to come in it; a destination for a logger. */
export class LogRecorder {
  readonly entries: LogEntry[] = [];
  #waiting: (() => void)[] = [];

  /** Takes one line of JSON. */
  write(line: string): void {
    this.entries.push(JSON.parse(line) as LogEntry);
    for (const look of this.#waiting.splice(0)) look();
  }

  /** The first entry of an event, of those already there or to come. */
  async event(event: string, timeoutMs = EXPECT_TIMEOUT_MS): Promise<LogEntry> {
    const find = async (): Promise<LogEntry> => {
      for (;;) {
        const found = this.entries.find((entry) => entry.event === event);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
        });
      }
    };
    return withDeadline(find(), timeoutMs, () => `${event} in the log`);
  }
}
