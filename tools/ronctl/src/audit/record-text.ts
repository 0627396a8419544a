import { ascii, namedValues } from '../plain-text.ts';

/** One line of an audit log as it is shown. The lines are not verified, so they may hold anything. */
export interface ShownRecord {
  readonly log: string;
  /** Number and time; NaN in a line that is none of ours. */
  readonly number: number;
  readonly atMs: number;
  /** The line as an object; `undefined` when it is none. */
  readonly fields: Readonly<Record<string, unknown>> | undefined;
  readonly line: string;
}

/** Fields that are shown in front, or are of use to `audit verify` alone. */
const HIDDEN = new Set(['n', 'at_ms', 'event', 'prev', 'mac']);

export function readRecord(log: string, line: string): ShownRecord {
  const fields = objectOf(line);
  const numberAt = (name: string): number => (Number.isSafeInteger(fields?.[name]) ? (fields?.[name] as number) : NaN);
  return { log, number: numberAt('n'), atMs: numberAt('at_ms'), fields, line };
}

/** A line for people. */
export function recordText({ log, number, atMs, fields, line }: ShownRecord): string {
  if (fields === undefined || Number.isNaN(number) || !(atMs <= 8.64e15)) return ascii(`${log}: not a record: ${line}`);
  const rest = Object.fromEntries(Object.entries(fields).filter(([name]) => !HIDDEN.has(name)));
  return ascii(`${new Date(atMs).toISOString()} ${log} ${number} ${String(fields['event'])}${namedValues(rest)}`);
}

/** A line for programs. */
export function recordJson({ log, fields, line }: ShownRecord): string {
  return ascii(JSON.stringify(fields === undefined ? { log, not_a_record: line } : { log, ...fields }));
}

function objectOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
