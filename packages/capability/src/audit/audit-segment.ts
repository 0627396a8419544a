import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { checkFile, damagedFile, syncFolder } from '../files/private-file.ts';
import { AUDIT_LINE_BYTES_MAX } from '../limits.ts';
import { readAuditLine } from './audit-line.ts';
import type { AuditPosition } from './audit-line.ts';

const LINE_FEED = 0x0a;

/** The file of an audit log that is written to. Nothing in it changes, and it grows by whole lines. */
export class AuditSegment {
  readonly path: string;
  readonly #handle: FileHandle;
  #bytes: number;

  private constructor(path: string, handle: FileHandle, bytes: number) {
    this.path = path;
    this.#handle = handle;
    this.#bytes = bytes;
  }

  /** A new file; fails when it exists. */
  static async create(path: string): Promise<AuditSegment> {
    const handle = await open(path, 'wx', 0o600);
    try {
      await keepOwner(handle, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new AuditSegment(path, handle, 0);
  }

  /**
   * The last file of a log. A line that a crash cut off is removed and its bytes are
   * counted in `tornBytes`.
   *
   * @throws CapabilityError file_mode, file_damaged when the last whole line is none of ours
   */
  static async reopen(
    path: string,
    key: Uint8Array,
  ): Promise<{ segment: AuditSegment; position: AuditPosition | undefined; tornBytes: number }> {
    const handle = await open(path, 'r+');
    try {
      const stats = await handle.stat({ bigint: true });
      checkFile(path, stats);
      const size = Number(stats.size);
      const { line, end } = await lastLine(handle, size);
      const last = line === undefined ? undefined : readAuditLine(key, line);
      if (line !== undefined && last === undefined) throw damagedFile(path, 'the MAC of its last line is wrong');
      if (end < size) await handle.truncate(end);
      const position = last === undefined ? undefined : { count: last.number, mac: last.mac };
      return { segment: new AuditSegment(path, handle, end), position, tornBytes: size - end };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends whole lines, or nothing: what a full disk cut off is removed again. */
  async append(lines: string): Promise<void> {
    const data = Buffer.from(lines, 'latin1');
    try {
      for (let written = 0; written < data.length; ) {
        const { bytesWritten } = await this.#handle.write(data, written, data.length - written, this.#bytes + written);
        written += bytesWritten;
      }
    } catch (error) {
      await this.#handle.truncate(this.#bytes);
      throw error;
    }
    this.#bytes += data.length;
  }

  /** Returns when everything appended is on the disk. */
  async sync(): Promise<void> {
    await this.#handle.datasync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** The last whole line, and the offset behind it. The file ends in at most one line that is not whole. */
async function lastLine(handle: FileHandle, size: number): Promise<{ line: string | undefined; end: number }> {
  const start = Math.max(0, size - 2 * AUDIT_LINE_BYTES_MAX);
  const tail = Buffer.alloc(size - start);
  await handle.read(tail, 0, tail.length, start);
  const feed = tail.lastIndexOf(LINE_FEED);
  // No line of ours fills all of the tail, so a long one is damage and a short file is one torn line.
  if (feed < 0) return { line: start > 0 ? '' : undefined, end: 0 };
  const before = feed === 0 ? -1 : tail.lastIndexOf(LINE_FEED, feed - 1);
  return { line: tail.toString('latin1', before + 1, feed), end: start + feed + 1 };
}

/** A file that root makes belongs to the owner of its folder. */
async function keepOwner(handle: FileHandle, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const folder = await open(dirname(path), 'r');
  try {
    const { uid, gid } = await folder.stat();
    await handle.chown(uid, gid);
  } finally {
    await folder.close();
  }
}
