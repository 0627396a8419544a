import { checkCompressed } from '@omnigate/kernel/wire';
import type { CompressionLimits } from '@omnigate/kernel/wire';
import { decompress } from 'fzstd';
import { BlockChecker } from './zstd/block-check.ts';
import { malformed, refuseReply } from './zstd/refusal.ts';
import { xxh64Low32 } from './zstd/xxh64.ts';

const CHECKSUM_FLAG = 0x04;
const SINGLE_SEGMENT_FLAG = 0x20;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;
const COMPRESSED_BLOCK = 2;
const RLE_BLOCK = 1;

/**
 * Decodes the payload of one COMP frame from the node: bytes holds exactly one
 * zstd frame (specs/oap-1.md §11). The result is a fresh array of the size the
 * frame declares.
 *
 * The decoder is fzstd, which on its own trusts its input: 26 bytes made it loop
 * without an end, one block of 65 KB kept it busy for a minute, and it checks
 * neither the content size nor the checksum. So nothing reaches it before three
 * gates have passed: the guard that nodes use too, a walk over the sequences of
 * each compressed block that adds up what they regenerate, and afterwards the
 * checksum, when there is one. Decoding then costs time in proportion to the
 * content size, which limits.outputBytesMax bounds.
 *
 * What remains: Huffman coded literals are checked by fzstd alone. A damaged
 * literal without a checksum decodes to other bytes, as it would in any decoder,
 * and a fault of fzstd in that part would stand between the application and its
 * own node only. Do not use this for bytes of a peer that was not authenticated.
 *
 * @throws OapError bad_response; detail.reason is the comp_* reason of the refusal.
 */
export function decompressReply(bytes: Uint8Array, limits: CompressionLimits): Uint8Array {
  const contentBytes = checkCompressed(bytes, 0, bytes.length, limits);
  if (typeof contentBytes !== 'number') throw refuseReply(contentBytes, contentBytes.reason);
  const blocksEnd = checkBlocks(bytes, contentBytes);
  let output: Uint8Array;
  try {
    // Without a buffer of ours: fzstd would turn that into a string to compare it with 1.
    output = decompress(bytes);
  } catch (error) {
    throw malformed('the decoder gave up', error);
  }
  if (blocksEnd < bytes.length) {
    const checksum = new DataView(bytes.buffer, bytes.byteOffset + blocksEnd, CHECKSUM_BYTES).getUint32(0, true);
    if (checksum !== xxh64Low32(output)) throw malformed('the checksum differs');
  }
  return output;
}

/** Walks the blocks of a frame that passed the guard, and returns where they end. */
function checkBlocks(bytes: Uint8Array, contentBytes: number): number {
  const descriptor = bytes[4] ?? 0;
  const hasChecksum = (descriptor & CHECKSUM_FLAG) !== 0;
  const isSingleSegment = (descriptor & SINGLE_SEGMENT_FLAG) !== 0;
  const sizeFlag = descriptor >> 6;
  // Magic and descriptor take 5 bytes; a window, or a content size without flag, one more.
  let position = isSingleSegment && sizeFlag > 0 ? 5 : 6;
  if (sizeFlag > 0) position += 1 << sizeFlag;

  const checker = new BlockChecker();
  let regenerated = 0;
  for (let isLast = false; !isLast; ) {
    const header = (bytes[position] ?? 0) | ((bytes[position + 1] ?? 0) << 8) | ((bytes[position + 2] ?? 0) << 16);
    isLast = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    const start = position + BLOCK_HEADER_BYTES;
    position = start + (type === RLE_BLOCK ? 1 : size);
    regenerated +=
      type === COMPRESSED_BLOCK
        ? checker.regeneratedBytes(bytes, start, position, regenerated, contentBytes - regenerated)
        : size;
  }
  if (regenerated !== contentBytes) throw malformed('the content size is not what the blocks regenerate');
  return hasChecksum ? bytes.length - CHECKSUM_BYTES : bytes.length;
}
