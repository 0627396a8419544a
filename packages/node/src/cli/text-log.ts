import type { Writable } from 'node:stream';

/** Fields that say the same on every line, or that the line shows in another way. */
const HIDDEN = new Set(['level', 'time', 'pid', 'hostname', 'name', 'node', 'boot', 'msg', 'err', 'event']);

const LEVELS: Readonly<Record<number, string>> = { 10: 'TRACE', 20: 'DEBUG', 30: 'INFO ', 40: 'WARN ', 50: 'ERROR', 60: 'FATAL' };

interface LogEntry {
  readonly level?: number;
  readonly time?: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

/** Takes the JSON lines of a logger and writes them for a person: time, level, message, fields. */
export class TextLog {
  readonly #output: Writable;

  constructor(output: Writable) {
    this.#output = output;
  }

  write(line: string): void {
    const entry = JSON.parse(line) as LogEntry;
    const time = entry.time?.slice(11, 23) ?? '';
    const fields = Object.entries(entry)
      .filter(([name]) => !HIDDEN.has(name))
      .map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    const error = entry.err === undefined ? '' : `\n${entry.err.stack ?? entry.err.message ?? ''}`;
    this.#output.write(`${time} ${LEVELS[entry.level ?? 0] ?? ''} ${entry.msg ?? ''}${fields.join('')}${error}\n`);
  }
}
