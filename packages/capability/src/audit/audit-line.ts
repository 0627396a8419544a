import { hmac } from '../macaroon/chain.ts';

/**
 * One line of an audit log (specs/capability-1.md §10): JSON that begins with its
 * number and ends with the MAC of the line before and its own, which covers all
 * that stands in front of it. Lines are ASCII, so that bytes and text are the same.
 * Pure: no file, no clock.
 */

/** Values that a record may hold; nothing in it can hide a token. */
export type AuditValue = string | number | boolean | readonly string[];

/** What happened; `event` names it, the rest depends on it. */
export interface AuditRecord {
  readonly event: string;
  readonly [field: string]: AuditValue;
}

/** Where a chain is: the number of its last line and that line's MAC. */
export interface AuditPosition {
  readonly count: number;
  readonly mac: string;
}

/** A line that was taken apart and whose MAC is right. */
export interface AuditLine {
  readonly number: number;
  readonly previous: string;
  readonly mac: string;
  readonly record: AuditRecord;
}

const LINE = /^(\{"n":([1-9]\d{0,15}),.*,"prev":"([A-Za-z0-9_-]{43})"),"mac":"([A-Za-z0-9_-]{43})"\}$/s;
const RESERVED: ReadonlySet<string> = new Set(['n', 'at_ms', 'prev', 'mac']);

/** Position before the first line; bound to the log's name, so that logs cannot be exchanged. */
export function auditStart(key: Uint8Array, log: string): AuditPosition {
  return { count: 0, mac: mac(key, `omnigate-audit-1\n${log}`) };
}

/** The line behind `position`, without its line feed, and where the chain is then. */
export function formatAuditLine(key: Uint8Array, position: AuditPosition, atMs: number, record: AuditRecord): { line: string; position: AuditPosition } {
  for (const field of Object.keys(record)) {
    if (RESERVED.has(field)) throw new RangeError(`an audit record cannot have a field ${field}`);
  }
  const count = position.count + 1;
  const fields = asciiJson({ n: count, at_ms: atMs, ...record, prev: position.mac });
  const covered = fields.slice(0, -1);
  const own = mac(key, covered);
  return { line: `${covered},"mac":"${own}"}`, position: { count, mac: own } };
}

/**
 * The line's contents, or `undefined` when its MAC does not fit.
 *
 * @param line its bytes, one a character
 */
export function readAuditLine(key: Uint8Array, line: string): AuditLine | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, covered = '', number = '', previous = '', own = ''] = match;
  // Both are public in the file; the comparison need not hide where they differ.
  if (mac(key, covered) !== own) return undefined;
  return { number: Number(number), previous, mac: own, record: JSON.parse(line) as AuditRecord };
}

/** The seal over a position, for the file that tells where the log ends. */
export function sealOf(key: Uint8Array, log: string, { count, mac: last }: AuditPosition): string {
  return mac(key, `omnigate-audit-head-1\n${log}\n${count}\n${last}`);
}

/** @param text one byte a character */
function mac(key: Uint8Array, text: string): string {
  return hmac(key, Buffer.from(text, 'latin1')).toString('base64url');
}

function asciiJson(value: object): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
