/** zstd frames made by hand (RFC 8878), right and wrong, for the guard of specs/oap-1.md §11.3. */

export const BlockType = { RAW: 0, RLE: 1, COMPRESSED: 2, RESERVED: 3 } as const;

const MAGIC = Buffer.from('28b52ffd', 'hex');

/** A block: `size` as its header says it, and what follows. */
export function block(type: number, size: number, content: Uint8Array, last: boolean): Buffer {
  const bytes = Buffer.alloc(3 + content.length);
  bytes.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  bytes.set(content, 3);
  return bytes;
}

export function raw(content: Uint8Array, last = true): Buffer {
  return block(BlockType.RAW, content.length, content, last);
}

export function rle(byte: number, size: number, last = true): Buffer {
  return block(BlockType.RLE, size, Buffer.of(byte), last);
}

/** What the header of a frame says. */
export interface ZstdHeader {
  readonly contentBytes: number | bigint;
  /** Window descriptor; a single segment when absent. */
  readonly window?: number;
  /** Bits to set beside those that follow from the rest. */
  readonly descriptor?: number;
  /** Whatever follows the last block. */
  readonly tail?: Uint8Array;
}

/** A frame with an 8-byte content size, so that all sizes can be told. */
export function zstdFrame(header: ZstdHeader, ...blocks: readonly Buffer[]): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.contentBytes));
  const single = header.window === undefined ? 0x20 : 0;
  const descriptor = 0xc0 | single | (header.descriptor ?? 0);
  const window = header.window === undefined ? Buffer.alloc(0) : Buffer.of(header.window);
  return Buffer.concat([MAGIC, Buffer.of(descriptor), window, size, ...blocks, header.tail ?? Buffer.alloc(0)]);
}

/** The content as one raw block: no smaller, and right. */
export function stored(content: Uint8Array): Buffer {
  return zstdFrame({ contentBytes: content.length }, raw(content));
}
