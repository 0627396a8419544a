import { OapError } from '@omnigate/kernel';
import { LEAF_BYTES } from '../limits.ts';
import { StorageReject } from '../rejects.ts';
import type { LeafSpan } from '../tree/proof-steps.ts';

/** Bytes from the first on, and not the second. */
export type ByteRange = readonly [start: number, end: number];

/**
 * Ranges as they apply to a blob (specs/storage-1.md §6).
 *
 * @param ranges ascending, disjoint; `undefined` for all bytes
 * @throws OapError range_invalid when one begins at or beyond the end
 */
export function clipRanges(ranges: readonly ByteRange[] | undefined, sizeBytes: number): readonly ByteRange[] {
  if (ranges === undefined) return sizeBytes === 0 ? [] : [[0, sizeBytes]];
  for (const [start] of ranges) {
    if (start >= sizeBytes) {
      throw new OapError(StorageReject.range_invalid, {
        message: `A range begins at ${start}, and the blob has ${sizeBytes} bytes.`,
        detail: { size_bytes: sizeBytes },
      });
    }
  }
  return ranges.map(([start, end]) => [start, Math.min(end, sizeBytes)]);
}

/** The leaves that have bytes in some ranges, each once. */
export function leavesIn(ranges: readonly ByteRange[]): LeafSpan[] {
  const spans: LeafSpan[] = [];
  for (const [start, end] of ranges) {
    const first = Math.floor(start / LEAF_BYTES);
    const behind = Math.ceil(end / LEAF_BYTES);
    const last = spans.at(-1);
    if (last === undefined || first > last.first + last.count) spans.push({ first, count: behind - first });
    else spans[spans.length - 1] = { first: last.first, count: Math.max(last.first + last.count, behind) - last.first };
  }
  return spans;
}
