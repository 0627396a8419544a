import { BATCHES_BYTES_MAX, BATCH_BYTES_MAX, LEAF_BYTES, REPLIES_WAITING_BYTES_MAX } from '../limits.ts';

/**
 * How many bytes each transfer of one direction reads or writes at once: with
 * many transfers less, so that all of them together hold a bounded amount.
 */
export function batchBytes(transfers: number): number {
  const share = Math.floor(BATCHES_BYTES_MAX / Math.max(1, transfers) / LEAF_BYTES) * LEAF_BYTES;
  return Math.min(BATCH_BYTES_MAX, Math.max(LEAF_BYTES, share));
}

/** How many bytes each GET hands to the kernel at once: a batch, or less with many of them. */
export function pieceBytes(transfers: number): number {
  return Math.min(BATCH_BYTES_MAX, Math.floor(REPLIES_WAITING_BYTES_MAX / Math.max(1, transfers)));
}
