import { spawnSync } from 'node:child_process';

/** Frames made by hand (RFC 8878 §3.1.1) and by the zstd command, for tests; nothing hostile is stored. */

export const BlockType = { RAW: 0, RLE: 1, COMPRESSED: 2, RESERVED: 3 } as const;

/** What a frame header says; each field may lie. */
export interface FrameFields {
  /** Written in sizeBytes bytes; left out when undefined and there is a window. */
  readonly contentBytes?: number | bigint;
  readonly sizeBytes?: 1 | 2 | 4 | 8;
  /** Window descriptor byte; without it the frame is a single segment. */
  readonly window?: number;
  /** Further bits of the descriptor: 1 to 3 dictionary, 4 checksum, 8 reserved, 16 unused. */
  readonly bits?: number;
}

/** Window descriptor of exactly 1 MiB. */
export const WINDOW_1_MIB = 10 << 3;

/** A block whose header says `size`, whatever the body is. */
export function block(type: number, size: number, isLast: boolean, body: Iterable<number> = []): Uint8Array {
  const header = (size << 3) | (type << 1) | (isLast ? 1 : 0);
  return Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16, ...body);
}

/** A raw block of that many bytes. */
export function raw(size: number, isLast = false): Uint8Array {
  return join(block(BlockType.RAW, size, isLast), new Uint8Array(size).fill(0x61));
}

/** One byte, repeated. */
export function rle(size: number, isLast = false): Uint8Array {
  return block(BlockType.RLE, size, isLast, [0x62]);
}

/** A block that claims to be compressed; no decoder accepts its body. */
export function compressed(size: number, isLast = false): Uint8Array {
  return join(block(BlockType.COMPRESSED, size, isLast), new Uint8Array(size).fill(0xff));
}

export function frame(fields: FrameFields, ...rest: readonly Uint8Array[]): Uint8Array {
  const isSingle = fields.window === undefined;
  const sizeBytes = fields.contentBytes === undefined ? 0 : (fields.sizeBytes ?? 4);
  const flag = { 0: 0, 1: 0, 2: 1, 4: 2, 8: 3 }[sizeBytes];
  const head = new DataView(new ArrayBuffer(14));
  head.setUint32(0, 0xfd2fb528, true);
  head.setUint8(4, (flag << 6) | (isSingle ? 0x20 : 0) | (fields.bits ?? 0));
  if (fields.window !== undefined) head.setUint8(5, fields.window);
  const sizeAt = isSingle ? 5 : 6;
  const content = BigInt(fields.contentBytes ?? 0) - (sizeBytes === 2 ? 256n : 0n);
  head.setBigUint64(sizeAt, content, true);
  return join(new Uint8Array(head.buffer, 0, sizeAt + sizeBytes), ...rest);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The same bytes that many times. */
export function repeat(times: number, part: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat(Array<Uint8Array>(times).fill(part)));
}

/** As t.test's `skip`: false when the zstd command is there, else why tests with it are skipped. */
export const noZstd: string | false =
  spawnSync('zstd', ['--version']).status === 0 ? false : 'NOT RUN: the zstd command is missing, install it (Debian: zstd)';

/** What the zstd command writes; the content size is in the frame unless it is told otherwise. */
export function zstd(content: Uint8Array, ...args: readonly string[]): Uint8Array {
  const size = args.includes('--no-content-size') ? [] : [`--stream-size=${content.length}`];
  const run = spawnSync('zstd', ['-c', '-q', ...size, ...args], { input: content, maxBuffer: 1 << 26 });
  if (run.status !== 0) throw new Error(`zstd ${args.join(' ')}: ${run.stderr.toString()}`);
  return new Uint8Array(run.stdout);
}

/** Text-like bytes that compress about threefold; the same for the same seed. */
export function prose(bytes: number, seed = 1): Uint8Array {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const words = Array.from({ length: 400 }, () =>
    Array.from({ length: 2 + random(8) }, () => String.fromCharCode(97 + random(26))).join(''),
  );
  let text = '';
  while (text.length < bytes) text += `${words[random(words.length)] ?? ''} `;
  return new TextEncoder().encode(text.slice(0, bytes));
}
