import {
  COMP_BLOCKS_MAX,
  COMP_DECOMPRESSED_BYTES_MAX,
  COMP_RATIO_FLOOR_BYTES,
  COMP_RATIO_MAX,
  COMP_WINDOW_BYTES_MAX,
} from '../limits.ts';
import { Reject } from './reject.ts';

/** What one compressed payload may ask of its receiver (specs/oap-1.md §11). */
export interface CompressionLimits {
  /** Largest window, bytes: what a decoder has to keep at hand. */
  readonly windowBytesMax: number;
  /** Decompressed size of one frame, bytes; HELLO announces it as max_decompressed. */
  readonly outputBytesMax: number;
  /** Decompressed over compressed; HELLO announces it as max_ratio. */
  readonly ratioMax: number;
  /** Output of up to this many bytes is allowed at any ratio. */
  readonly ratioFloorBytes: number;
  /** Blocks of one frame. */
  readonly blocksMax: number;
}

/** The profile of specs/oap-1.md §11, as a node announces it. */
export const COMPRESSION_LIMITS: CompressionLimits = Object.freeze({
  windowBytesMax: COMP_WINDOW_BYTES_MAX,
  outputBytesMax: COMP_DECOMPRESSED_BYTES_MAX,
  ratioMax: COMP_RATIO_MAX,
  ratioFloorBytes: COMP_RATIO_FLOOR_BYTES,
  blocksMax: COMP_BLOCKS_MAX,
});

/** 0xFD2FB528, stored little endian (RFC 8878 §3.1.1). */
const MAGIC_HIGH = 0xfd2f;
const MAGIC_LOW = 0xb528;
/** Magic number, descriptor, and the one byte that a window or a content size takes at least. */
const FRAME_HEADER_BYTES_MIN = 6;
const BLOCK_HEADER_BYTES = 3;
/** No block regenerates or occupies more, whatever the window (RFC 8878 §3.1.1.2.4). */
const BLOCK_BYTES_MAX = 131_072;
/** A literals header and a sequence count: less is no compressed block. */
const COMPRESSED_BLOCK_BYTES_MIN = 2;
const CHECKSUM_BYTES = 4;
const WORD_SPAN = 0x1_0000_0000;

const BlockType = { RAW: 0, RLE: 1, COMPRESSED: 2 } as const;

/** Width of the content size field by its flag; without a window, flag 0 means one byte. */
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/**
 * Judges bytes[start, end) before any decoder sees them: exactly one zstd frame
 * of the profile in specs/oap-1.md §11, whose cost to decode is bounded by what
 * its own headers say. It reads the frame header and at most `blocksMax` block
 * headers, allocates nothing and decodes nothing.
 *
 * Returns the content size in bytes, or the reject table's entry: `comp_window`,
 * `comp_output`, `comp_ratio` or `comp_blocks` for what is too large, and
 * `comp_malformed` for everything that is not such a frame. What is inside a
 * compressed block is not looked at: the decoder must bound its output by the
 * content size and must compare the two afterwards.
 *
 * @throws RangeError when start and end are not within bytes: the caller's mistake.
 */
export function checkCompressed(
  bytes: Uint8Array,
  start: number,
  end: number,
  limits: CompressionLimits,
): number | Reject {
  if (!(start >= 0 && start <= end && end <= bytes.length)) {
    throw new RangeError(`no range of ${bytes.length} bytes: ${start} to ${end}`);
  }
  if (end - start < FRAME_HEADER_BYTES_MIN || !hasMagic(bytes, start)) return Reject.comp_malformed;

  const descriptor = byteAt(bytes, start + 4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = (descriptor >> 6) as 0 | 1 | 2 | 3;
  const sizeBytes = sizeFlag === 0 && isSingleSegment ? 1 : CONTENT_SIZE_BYTES[sizeFlag];

  // The window comes first: a bomb needs no content size to claim 2 GiB of it.
  let position = start + 5;
  let windowBytes = 0;
  if (!isSingleSegment) {
    windowBytes = windowSize(byteAt(bytes, position));
    if (windowBytes > limits.windowBytesMax) return Reject.comp_window;
    position += 1;
  }
  // Bit 3 is reserved. A dictionary would make the meaning depend on bytes that are not here.
  if ((descriptor & 0x0b) !== 0) return Reject.comp_malformed;
  if (sizeBytes === 0 || end - position < sizeBytes) return Reject.comp_malformed;
  const contentBytes = contentSize(bytes, position, sizeBytes);
  position += sizeBytes;
  if (contentBytes > limits.outputBytesMax) return Reject.comp_output;
  if (isSingleSegment) {
    windowBytes = contentBytes;
    if (windowBytes > limits.windowBytesMax) return Reject.comp_window;
  }
  const ratioCapBytes = Math.max(limits.ratioMax * (end - start), limits.ratioFloorBytes);
  if (contentBytes > ratioCapBytes) return Reject.comp_ratio;

  const blocksEnd = (descriptor & 0x04) === 0 ? end : end - CHECKSUM_BYTES;
  return checkBlocks(bytes, position, blocksEnd, contentBytes, windowBytes, ratioCapBytes, limits);
}

/**
 * Walks the block headers from position to end, where the last block must end.
 * Raw and RLE blocks say what they regenerate; a compressed one is bounded by
 * the block size, so the content size must lie between the two sums.
 */
function checkBlocks(
  bytes: Uint8Array,
  start: number,
  end: number,
  contentBytes: number,
  windowBytes: number,
  ratioCapBytes: number,
  limits: CompressionLimits,
): number | Reject {
  const blockBytesMax = Math.min(windowBytes, BLOCK_BYTES_MAX);
  let position = start;
  let plainBytes = 0;
  let compressedBlocks = 0;
  for (let blocks = 1; blocks <= limits.blocksMax; blocks += 1) {
    if (end - position < BLOCK_HEADER_BYTES) return Reject.comp_malformed;
    const header =
      byteAt(bytes, position) |
      (byteAt(bytes, position + 1) << 8) |
      (byteAt(bytes, position + 2) << 16);
    position += BLOCK_HEADER_BYTES;
    const isLast = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    const size = header >> 3;

    if (size > blockBytesMax) return Reject.comp_malformed;
    if (type === BlockType.COMPRESSED) {
      if (size < COMPRESSED_BLOCK_BYTES_MIN) return Reject.comp_malformed;
      compressedBlocks += 1;
      position += size;
    } else if (type === BlockType.RAW || type === BlockType.RLE) {
      // Legal zstd, but it carries nothing: only a flood of blocks has a use for it.
      if (size === 0 && !isLast) return Reject.comp_blocks;
      plainBytes += size;
      position += type === BlockType.RLE ? 1 : size;
    } else {
      return Reject.comp_malformed;
    }
    if (position > end) return Reject.comp_malformed;
    if (plainBytes > limits.outputBytesMax) return Reject.comp_output;
    if (plainBytes > ratioCapBytes) return Reject.comp_ratio;
    if (isLast) {
      const isReachable =
        plainBytes <= contentBytes &&
        contentBytes <= plainBytes + compressedBlocks * blockBytesMax;
      return position === end && isReachable ? contentBytes : Reject.comp_malformed;
    }
  }
  return Reject.comp_blocks;
}

function hasMagic(bytes: Uint8Array, start: number): boolean {
  const low = byteAt(bytes, start) | (byteAt(bytes, start + 1) << 8);
  const high = byteAt(bytes, start + 2) | (byteAt(bytes, start + 3) << 8);
  return low === MAGIC_LOW && high === MAGIC_HIGH;
}

/** Window in bytes, 1 KiB to 3.75 TiB: beyond what shifts can hold (RFC 8878 §3.1.1.1.2). */
function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/**
 * Content size of a field of 1, 2, 4 or 8 bytes (RFC 8878 §3.1.1.1.4). Above
 * 2^53 the low bits are lost, which no comparison with a limit can notice.
 */
function contentSize(bytes: Uint8Array, position: number, sizeBytes: number): number {
  if (sizeBytes === 1) return byteAt(bytes, position);
  const low = byteAt(bytes, position) | (byteAt(bytes, position + 1) << 8);
  // Two bytes hold 256 less than they mean, because one byte covers the sizes below.
  if (sizeBytes === 2) return low + 256;
  const word = wordAt(bytes, position);
  return sizeBytes === 4 ? word : word + wordAt(bytes, position + 4) * WORD_SPAN;
}

function wordAt(bytes: Uint8Array, position: number): number {
  return (
    (byteAt(bytes, position) |
      (byteAt(bytes, position + 1) << 8) |
      (byteAt(bytes, position + 2) << 16) |
      (byteAt(bytes, position + 3) << 24)) >>>
    0
  );
}

/** The position was checked against the end before. */
function byteAt(bytes: Uint8Array, position: number): number {
  return bytes[position] as number;
}
