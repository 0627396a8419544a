import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';

/** A line of the conversation. */
export interface Line {
  /** Made up by who said it; the same wherever the line is kept. */
  readonly key: string;
  readonly from: string;
  readonly text: string;
}

/** What stands in the file: a line, or that the node has the line with a key. */
type Entry = Line | { readonly sent: string };

/**
 * The conversation as one side knows it, in a file of JSON lines. What is said
 * is kept here before it is sent, and what is heard before it is acknowledged,
 * so that a crash between the two costs nothing.
 */
export class History {
  readonly lines: Line[] = [];
  readonly #path: string;
  readonly #known = new Set<string>();
  readonly #unsent = new Map<string, Line>();

  /** @param me whose side it is: lines of others need not be sent */
  constructor(path: string, me: string) {
    this.#path = path;
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    const end = text.lastIndexOf('\n') + 1;
    for (const json of text.slice(0, end).split('\n')) if (json !== '') this.#learn(JSON.parse(json) as Entry, me);
    // The last line was being written when the machine stopped: nobody was told of it.
    if (end < text.length) truncateSync(path, Buffer.byteLength(text.slice(0, end)));
  }

  /** The first line that was said and is not known to be sent. */
  get unsent(): Line | undefined {
    return this.#unsent.values().next().value;
  }

  get unsentCount(): number {
    return this.#unsent.size;
  }

  /** Keeps a line that was said here. */
  say(line: Line): void {
    this.#keep(line);
    this.#unsent.set(line.key, line);
  }

  /** The node has it. */
  sent({ key }: Line): void {
    this.#keep({ sent: key });
    this.#unsent.delete(key);
  }

  /** Keeps a line that came; false when it came before. */
  hear(line: Line): boolean {
    if (this.#known.has(line.key)) return false;
    this.#keep(line);
    this.#known.add(line.key);
    return true;
  }

  #learn(entry: Entry, me: string): void {
    if ('sent' in entry) {
      this.#unsent.delete(entry.sent);
      return;
    }
    this.lines.push(entry);
    this.#known.add(entry.key);
    if (entry.from === me) this.#unsent.set(entry.key, entry);
  }

  /** On disk when it returns. */
  #keep(entry: Entry): void {
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`, { flush: true });
  }
}
