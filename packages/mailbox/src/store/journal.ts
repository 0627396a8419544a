import { closeSync, constants, fdatasyncSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { putU32 } from '../codec/binary.ts';
import { COMMIT_BYTES_MAX } from '../limits.ts';
import type { Key } from './store.ts';

/** One write of a commit; a removal has no value. */
export interface JournalWrite {
  readonly key: Key;
  readonly value: Uint8Array | undefined;
}

/** Bytes before the writes of a commit: their length, their checksum, and the number of the commit. */
const HEAD_BYTES = 16;
const WRITE_HEAD_BYTES = 6;
/** Shorter keys are written by a loop before a call would have begun. */
const LOOP_CHARS_MAX = 64;
/** In place of the length of a value: the key is removed. */
const REMOVED = 0xffff_ffff;

/**
 * The commits since the last checkpoint, one after the other in a file whose
 * blocks are all there already: a commit is one write and one flush, and takes
 * no space that could be missing. It is written from the start again once the
 * base has everything, and the numbers of the commits tell new from old.
 */
export class Journal {
  readonly #fd: number;
  readonly #sizeBytes: number;
  #buffer = Buffer.allocUnsafe(65_536);
  #at = 0;

  /**
   * Opens or makes the file.
   *
   * @param bytes size of the file
   * @throws Error of the file system, ENOSPC when its blocks cannot be had
   */
  constructor(path: string, bytes: number) {
    this.#sizeBytes = bytes;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      this.#reserve(path);
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /** Bytes of the commits since it was begun from the start. */
  get bytes(): number {
    return this.#at;
  }

  /** Whether the next commit may not fit any more. */
  get isFull(): boolean {
    return this.#at + COMMIT_BYTES_MAX > this.#sizeBytes;
  }

  /**
   * Appends a commit and flushes it.
   *
   * @throws RangeError when the commit is too large, which is a defect of the caller
   * @throws Error of the file system; whether the commit is there is unknown then
   */
  append(sequence: number, writes: readonly JournalWrite[]): void {
    let end = HEAD_BYTES;
    for (const { key, value } of writes) end = this.#encode(end, key, value);
    if (this.#at + end > this.#sizeBytes) throw new RangeError(`a commit of ${end} bytes does not fit the journal`);
    const buffer = this.#buffer;
    buffer.writeUInt32BE(end - HEAD_BYTES, 0);
    buffer.writeDoubleBE(sequence, 8);
    buffer.writeUInt32BE(crc32(buffer.subarray(8, end)), 4);
    writeAll(this.#fd, buffer, end, this.#at);
    fdatasyncSync(this.#fd);
    this.#at += end;
  }

  /** The commits after the one numbered `sequence`, oldest first; what is torn or older ends them. */
  *replay(sequence: number): Generator<readonly JournalWrite[], undefined> {
    const file = Buffer.allocUnsafe(fstatSync(this.#fd).size);
    const bytes = readAll(this.#fd, file);
    let expected = sequence + 1;
    for (let at = 0; at + HEAD_BYTES <= bytes; ) {
      const end = at + HEAD_BYTES + file.readUInt32BE(at);
      if (end > bytes || file.readDoubleBE(at + 8) !== expected) break;
      if (crc32(file.subarray(at + 8, end)) !== file.readUInt32BE(at + 4)) break;
      yield decodeWrites(file.subarray(at + HEAD_BYTES, end));
      expected++;
      at = end;
    }
    return undefined;
  }

  /** The base has every commit: the next one goes to the start. */
  rewind(): void {
    this.#at = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }

  #encode(at: number, key: Key, value: Uint8Array | undefined): number {
    const bytes = WRITE_HEAD_BYTES + key.length + (value?.length ?? 0);
    if (at + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, at + bytes));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    const buffer = this.#buffer;
    buffer[at] = key.length >>> 8;
    buffer[at + 1] = key.length;
    putU32(buffer, at + 2, value === undefined ? REMOVED : value.length);
    const keyAt = at + WRITE_HEAD_BYTES;
    if (key.length > LOOP_CHARS_MAX) buffer.write(key, keyAt, 'latin1');
    else for (let index = 0; index < key.length; index++) buffer[keyAt + index] = key.charCodeAt(index);
    if (value !== undefined) buffer.set(value, keyAt + key.length);
    return at + bytes;
  }

  #reserve(path: string): void {
    const { size } = fstatSync(this.#fd);
    if (size >= this.#sizeBytes) return;
    const zeros = Buffer.alloc(this.#sizeBytes - size);
    writeAll(this.#fd, zeros, zeros.length, size);
    fsyncSync(this.#fd);
    syncFolder(dirname(path));
  }
}

/** Makes names that were made in a folder survive a loss of power. */
export function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function writeAll(fd: number, bytes: Uint8Array, length: number, position: number): void {
  for (let done = 0; done < length; ) done += writeSync(fd, bytes, done, length - done, position + done);
}

function readAll(fd: number, into: Uint8Array): number {
  let done = 0;
  for (;;) {
    const bytes = readSync(fd, into, done, into.length - done, done);
    if (bytes === 0) return done;
    done += bytes;
  }
}

function decodeWrites(bytes: Buffer): JournalWrite[] {
  const writes: JournalWrite[] = [];
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + WRITE_HEAD_BYTES + bytes.readUInt16BE(at);
    const length = bytes.readUInt32BE(at + 2);
    const key = bytes.toString('latin1', at + WRITE_HEAD_BYTES, keyEnd);
    const end = length === REMOVED ? keyEnd : keyEnd + length;
    writes.push({ key, value: length === REMOVED ? undefined : Buffer.from(bytes.subarray(keyEnd, end)) });
    at = end;
  }
  return writes;
}
