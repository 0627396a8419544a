import {
  COMP_BLOCKS_MAX,
  COMP_DECOMPRESSED_BYTES_MAX,
  COMP_RATIO_FLOOR_BYTES,
  COMP_RATIO_MAX,
  COMP_REPLY_BYTES_MIN,
  COMP_WINDOW_BYTES_MAX,
} from '../limits.ts';
import { checkCompressed } from '../wire/compression-guard.ts';
import type { CompressionLimits } from '../wire/compression-guard.ts';
import { OapError } from '../wire/oap-error.ts';
import { Reject } from '../wire/reject.ts';
import type { ConnectionContext } from './context.ts';

const LIMITS: CompressionLimits = {
  windowBytesMax: COMP_WINDOW_BYTES_MAX,
  outputBytesMax: COMP_DECOMPRESSED_BYTES_MAX,
  ratioMax: COMP_RATIO_MAX,
  ratioFloorBytes: COMP_RATIO_FLOOR_BYTES,
  blocksMax: COMP_BLOCKS_MAX,
};

/**
 * Content of a COMP payload, guarded before it is decoded (specs/oap-1.md §11).
 *
 * @throws OapError comp_*
 */
export function decompressRequest(context: ConnectionContext, bytes: Uint8Array, start: number, end: number): Uint8Array {
  const { codec } = context;
  if (codec === undefined) throw new OapError(Reject.comp_unsupported);
  const verdict = checkCompressed(bytes, start, end, LIMITS);
  if (typeof verdict !== 'number') throw new OapError(verdict);
  context.metrics.compRatio.observe(verdict / (end - start));
  return codec.decompress(bytes.subarray(start, end), verdict);
}

/** The reply as one zstd frame, `undefined` where that would not help. */
export function compressReply(context: ConnectionContext, payload: Uint8Array): Uint8Array | undefined {
  return payload.length < COMP_REPLY_BYTES_MIN ? undefined : context.codec?.compress(payload);
}
