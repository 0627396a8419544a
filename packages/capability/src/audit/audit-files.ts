import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { CapabilityError } from '../capability-error.ts';
import { FieldFault, integerOf, parseObject, textOf } from '../files/json-fields.ts';
import { damagedFile, readPrivateFile, writePrivateFile } from '../files/private-file.ts';
import { AUDIT_LINE_BYTES_MAX } from '../limits.ts';
import { sealOf } from './audit-line.ts';
import type { AuditPosition } from './audit-line.ts';

/**
 * The files of an audit log in a folder: LOG.NUMBER.jsonl, where NUMBER is that of
 * its first line, and LOG.head.json, which says how many lines there must be.
 */

const HEAD_BYTES_MAX = 4_096;
const FILE = /^([a-z][a-z0-9-]{0,31})\.(\d{16})\.jsonl$/;

/** One file of a log. */
export interface AuditFile {
  readonly path: string;
  /** Number of the first line in it. */
  readonly first: number;
}

/** Names of the logs in a folder, sorted. */
export async function listAuditLogs(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).map((name) => FILE.exec(name)?.[1] ?? /^([a-z][a-z0-9-]{0,31})\.head\.json$/.exec(name)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

/** Files of a log, oldest first. */
export async function listAuditFiles(folder: string, log: string): Promise<AuditFile[]> {
  const files = (await readdir(folder)).flatMap((name) => {
    const match = FILE.exec(name);
    return match?.[1] === log ? [{ path: join(folder, name), first: Number(match[2]) }] : [];
  });
  return files.sort((a, b) => a.first - b.first);
}

export function auditFilePath(folder: string, log: string, first: number): string {
  return join(folder, `${log}.${String(first).padStart(16, '0')}.jsonl`);
}

export function auditHeadPath(folder: string, log: string): string {
  return join(folder, `${log}.head.json`);
}

/** Writes where the log ends; the caller has the lines on disk already, and holds the log's lock. */
export async function writeAuditHead(folder: string, log: string, key: Uint8Array, position: AuditPosition): Promise<void> {
  const head = { format: 'omnigate-audit-head-1', log, ...position, seal: sealOf(key, log, position) };
  await writePrivateFile(auditHeadPath(folder, log), `${JSON.stringify(head)}\n`);
}

/**
 * Where the log ends, as sealed; `undefined` when there is no head.
 *
 * @throws CapabilityError file_damaged when the seal does not fit, file_mode
 */
export async function readAuditHead(folder: string, log: string, key: Uint8Array): Promise<AuditPosition | undefined> {
  const path = auditHeadPath(folder, log);
  try {
    const head = parseObject((await readPrivateFile(path, HEAD_BYTES_MAX)).text);
    const position = { count: integerOf(head, 'count', Number.MAX_SAFE_INTEGER), mac: textOf(head, 'mac', /^[A-Za-z0-9_-]{43}$/) };
    if (textOf(head, 'seal', /^[A-Za-z0-9_-]{43}$/) !== sealOf(key, log, position)) throw new FieldFault('its seal is wrong');
    return position;
  } catch (error) {
    if (error instanceof CapabilityError && error.code === 'file_missing') return undefined;
    throw error instanceof FieldFault ? damagedFile(path, error.message) : error;
  }
}

/** One line of a file. */
export interface RawLine {
  readonly path: string;
  /** From 1 on. */
  readonly lineNumber: number;
  /** Its bytes, one a character, without the line feed; cut off when it is far too long to be one of ours. */
  readonly text: string;
  /** False for the rest of a file behind its last line feed. */
  readonly complete: boolean;
}

/** Lines of files in order, in bounded memory however long they are. */
export async function* readRawLines(files: readonly { readonly path: string }[]): AsyncGenerator<RawLine> {
  for (const { path } of files) {
    yield* splitLines(path, createReadStream(path));
  }
}

/** Lines of a stream of bytes. */
export async function* splitLines(path: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RawLine> {
  let lineNumber = 1;
  let parts: Uint8Array[] = [];
  let partsBytes = 0;
  const take = (complete: boolean): RawLine => {
    const text = Buffer.concat(parts).toString('latin1');
    parts = [];
    partsBytes = 0;
    return { path, lineNumber: lineNumber++, text, complete };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      if (partsBytes <= AUDIT_LINE_BYTES_MAX) parts.push(chunk.subarray(start, end));
      start = end + 1;
      yield take(true);
    }
    // Bytes beyond what a line can have are dropped: its MAC fails either way.
    if (start < chunk.length && partsBytes <= AUDIT_LINE_BYTES_MAX) {
      parts.push(chunk.subarray(start));
      partsBytes += chunk.length - start;
    }
  }
  if (partsBytes > 0) yield take(false);
}

/** The last lines of a log as they are in its files, unverified, at most `count`, oldest first. */
export async function readAuditTail(folder: string, log: string, count: number): Promise<string[]> {
  const lines: string[] = [];
  for (const file of (await listAuditFiles(folder, log)).reverse()) {
    if (lines.length >= count) break;
    const inFile: string[] = [];
    for await (const { text, complete } of readRawLines([file])) {
      if (complete) inFile.push(text);
      if (inFile.length > count) inFile.shift();
    }
    lines.unshift(...inFile);
  }
  return lines.slice(-count);
}
