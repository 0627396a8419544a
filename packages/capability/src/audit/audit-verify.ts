import { CapabilityError } from '../capability-error.ts';
import { listAuditFiles, readAuditHead, readRawLines } from './audit-files.ts';
import type { RawLine } from './audit-files.ts';
import { auditStart, readAuditLine } from './audit-line.ts';
import type { AuditLine, AuditPosition } from './audit-line.ts';

/** What was done to a log. */
export type AuditFaultKind = 'changed' | 'dropped' | 'reordered' | 'repeated' | 'truncated' | 'head_missing' | 'head_changed';

/** The first place where a log is not what was written. */
export interface AuditFault {
  readonly kind: AuditFaultKind;
  /** Where it shows; `undefined` when it is behind the last line. */
  readonly path: string | undefined;
  /** Line in that file, from 1 on. */
  readonly lineNumber: number | undefined;
  /** One sentence. */
  readonly message: string;
}

/** What became of a verification. */
export interface AuditVerdict {
  /** True when nothing is wrong. A torn last line is not: a crash leaves one. */
  readonly ok: boolean;
  readonly fault: AuditFault | undefined;
  /** Lines that are right, and where the chain is behind them: to be noted elsewhere and compared later. */
  readonly lines: number;
  readonly position: AuditPosition;
  /** The unfinished last line, when there is one. */
  readonly torn: { readonly path: string; readonly lineNumber: number; readonly bytes: number } | undefined;
}

/** What a log is compared with. */
export interface AuditExpectation {
  readonly key: Uint8Array;
  /** Name of the log. */
  readonly log: string;
  /** Where it must end at least, from its head or noted by hand; without it, nothing tells a shortened log. */
  readonly head: AuditPosition | undefined;
  /** Number of the first line; 1 unless older files were removed, which a later record must say. */
  readonly first?: number;
}

/** Walks a log line by line; holds one line and a few numbers, however long it is. */
class AuditWalk {
  position: AuditPosition;
  lines = 0;
  fault: AuditFault | undefined;

  readonly #expected: AuditExpectation;
  readonly #first: number;
  #prunedThrough = 0;
  #firstRaw: RawLine | undefined;
  /** MAC of the line that the head names. */
  #macAtHead: string | undefined;

  constructor(expected: AuditExpectation) {
    this.#expected = expected;
    this.#first = expected.first ?? 1;
    this.position = { count: this.#first - 1, mac: auditStart(expected.key, expected.log).mac };
    if (expected.head?.count === 0) this.#macAtHead = this.position.mac;
  }

  /** Takes the next whole line; false when it does not fit. */
  take(raw: RawLine, line: AuditLine | undefined): boolean {
    if (line === undefined) return this.#fail('changed', raw, 'The line is not what was written.');
    this.#firstRaw ??= raw;
    // The line in front of the first one is gone; the first one's own MAC covers what it says of that.
    if (this.lines === 0 && this.#first > 1) this.position = { count: this.#first - 1, mac: line.previous };
    if (line.number !== this.position.count + 1) return false;
    if (line.previous !== this.position.mac) return this.#fail('changed', raw, 'The line belongs to another history of this log.');
    this.lines += 1;
    this.position = { count: line.number, mac: line.mac };
    if (line.number === this.#expected.head?.count) this.#macAtHead = line.mac;
    if (line.record.event === 'prune') this.#prunedThrough = Number(line.record['through']);
    return true;
  }

  /** A line without its end that is not the last one. */
  cutOff(raw: RawLine): void {
    this.#fail('changed', raw, 'The end of the line is missing, and more follows.');
  }

  /** An authentic line with a number that is not the next one. */
  misplaced(raw: RawLine, found: AuditLine, nextIsBehind: boolean): void {
    if (this.fault !== undefined) return;
    const next = this.position.count + 1;
    if (found.number < next) this.#fail('repeated', raw, `Record ${found.number} stands here again.`);
    else if (nextIsBehind) this.#fail('reordered', raw, `Record ${found.number} stands before record ${next}.`);
    else this.#fail('dropped', raw, `Records ${next} to ${found.number - 1} are missing in front of this line.`);
  }

  finish(): void {
    if (this.fault !== undefined) return;
    const { head } = this.#expected;
    if (this.#first > 1 && this.#prunedThrough !== this.#first - 1) {
      this.#fail('dropped', this.#firstRaw, `Records 1 to ${this.#first - 1} are missing, and no record says that they were removed.`);
    } else if (head !== undefined && head.count > this.position.count) {
      this.#fail('truncated', undefined, `The log ends with record ${this.position.count}, and its head says ${head.count}.`);
    } else if (head !== undefined && this.#macAtHead !== head.mac && head.count >= this.#first) {
      this.#fail('changed', undefined, `Record ${head.count} is not the one that the head names.`);
    }
  }

  #fail(kind: AuditFaultKind, raw: RawLine | undefined, message: string): false {
    this.fault = { kind, path: raw?.path, lineNumber: raw?.lineNumber, message };
    return false;
  }
}

/**
 * Reads a log and finds the first line that was changed, dropped, put elsewhere or
 * repeated, and an end that is missing.
 *
 * @param lines in the order of the log, see {@link splitLines}
 */
export async function verifyAudit(lines: AsyncIterable<RawLine>, expected: AuditExpectation): Promise<AuditVerdict> {
  const walk = new AuditWalk(expected);
  let torn: RawLine | undefined;
  let misplaced: { raw: RawLine; line: AuditLine } | undefined;
  let nextIsBehind = false;
  for await (const raw of lines) {
    if (torn !== undefined) {
      walk.cutOff(torn);
      break;
    }
    if (!raw.complete) {
      torn = raw;
      continue;
    }
    const line = readAuditLine(expected.key, raw.text);
    if (misplaced !== undefined) {
      // Only whether the record that is due comes later still matters.
      nextIsBehind = line?.number === walk.position.count + 1;
      if (nextIsBehind) break;
    } else if (!walk.take(raw, line)) {
      if (line === undefined || walk.fault !== undefined) break;
      misplaced = { raw, line };
    }
  }
  if (misplaced !== undefined) walk.misplaced(misplaced.raw, misplaced.line, nextIsBehind);
  walk.finish();
  return {
    ok: walk.fault === undefined,
    fault: walk.fault,
    lines: walk.lines,
    position: walk.position,
    torn: torn && { path: torn.path, lineNumber: torn.lineNumber, bytes: torn.text.length },
  };
}

/**
 * Verifies all files of one log, against its head.
 *
 * @throws CapabilityError file_mode
 */
export async function verifyAuditLog(folder: string, log: string, key: Uint8Array): Promise<AuditVerdict> {
  const files = await listAuditFiles(folder, log);
  const first = files[0]?.first ?? 1;
  try {
    const head = await readAuditHead(folder, log, key);
    const verdict = await verifyAudit(readRawLines(files), { key, log, head, first });
    if (head !== undefined || !verdict.ok) return verdict;
    return { ...verdict, ok: false, fault: headFault('head_missing', 'The head is missing, so nothing tells whether the log was shortened.') };
  } catch (error) {
    if (!(error instanceof CapabilityError) || error.code !== 'file_damaged') throw error;
    const verdict = await verifyAudit(readRawLines(files), { key, log, head: undefined, first });
    return verdict.ok ? { ...verdict, ok: false, fault: headFault('head_changed', 'The head is not what was written.') } : verdict;
  }
}

function headFault(kind: AuditFaultKind, message: string): AuditFault {
  return { kind, path: undefined, lineNumber: undefined, message };
}
