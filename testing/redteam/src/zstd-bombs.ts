import { spawnSync } from 'node:child_process';

/** zstd frames made by hand (RFC 8878 §3.1.1) and by the zstd command; nothing hostile is stored. */

const BlockType = { RAW: 0, RLE: 1, COMPRESSED: 2 } as const;
/** The longest match that a sequence can say, less its 16 extra bits. */
const MATCH_LENGTH_CODE_MAX = 52;
/** Tables of one symbol for literal lengths, offsets and match lengths. */
const RLE_TABLES = 0x54;

/** What a frame header says; each field may lie. */
export interface BombHeader {
  /** Written in `sizeBytes` bytes. */
  readonly contentBytes: number;
  readonly sizeBytes?: 1 | 4;
  /** Window of 1 MiB; without it the frame is a single segment. */
  readonly window?: true;
  /** Further bits of the descriptor: 1 to 3 dictionary, 4 checksum. */
  readonly bits?: number;
}

export function bomb({ contentBytes, sizeBytes = 4, window, bits = 0 }: BombHeader, ...blocks: readonly Uint8Array[]): Uint8Array {
  const descriptor = ((sizeBytes === 4 ? 2 : 0) << 6) | (window ? 0 : 0x20) | bits;
  const size = Buffer.alloc(4);
  size.writeUInt32LE(contentBytes);
  return Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.of(descriptor, ...(window ? [10 << 3] : [])), size.subarray(0, sizeBytes), ...blocks]);
}

function block(type: number, size: number, isLast: boolean, body: Uint8Array): Uint8Array {
  const head = Buffer.alloc(3);
  head.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3);
  return Buffer.concat([head, body]);
}

/** A raw block of that many bytes. */
export function raw(size: number, isLast = false): Uint8Array {
  return block(BlockType.RAW, size, isLast, Buffer.alloc(size, 'a'));
}

/** One byte, repeated. */
export function rle(size: number, isLast = false): Uint8Array {
  return block(BlockType.RLE, size, isLast, Buffer.from('b'));
}

/** The last block: one literal and then `count` matches, each as long as a match can be. */
export function longMatches(count: number): Uint8Array {
  // Each match takes 16 bits, all ones; a single one marks the begin, which is read first.
  const matches = Buffer.concat([Buffer.alloc(2 * count, 0xff), Buffer.of(1)]);
  const head = Buffer.of(1 << 3, 0x61, (count >> 8) + 128, count & 0xff, RLE_TABLES, 0, 0, MATCH_LENGTH_CODE_MAX);
  const body = Buffer.concat([head, matches]);
  return block(BlockType.COMPRESSED, body.length, true, body);
}

/** The last block: one literal and a match that begins a mebibyte before it. */
export function farMatch(): Uint8Array {
  const body = Buffer.of(1 << 3, 0x61, 1, RLE_TABLES, 1, 20, 0, 0, 0, 0x10);
  return block(BlockType.COMPRESSED, body.length, true, body);
}

/** The same bytes that many times. */
export function repeat(times: number, piece: Uint8Array): Uint8Array {
  return Buffer.concat(Array<Uint8Array>(times).fill(piece));
}

/** A legal frame that decodes to `ratio` times its size. */
export function ofRatio(ratio: number): Uint8Array {
  const rawBytes = 20_000;
  const blockBytes = 131_072;
  const frameBytes = 10 + 3 + rawBytes + 2 * 4;
  const contentBytes = Math.floor(frameBytes * ratio);
  return bomb({ contentBytes, window: true }, raw(rawBytes), rle(blockBytes), rle(contentBytes - rawBytes - blockBytes, true));
}

/** What the zstd command makes of some bytes. */
export function zstd(content: Uint8Array, ...args: readonly string[]): Uint8Array {
  const { status, stdout, error } = spawnSync('zstd', ['-c', '-q', `--stream-size=${content.length}`, ...args], { input: content, maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`the zstd command failed (${error?.message ?? String(status)}); install it (Debian: zstd)`);
  return stdout;
}
