import { STORAGE_RANGES_MAX } from '../limits.ts';

/** The bytes from the first on, and not the one at the second; `Infinity` is the end of the blob. */
export type BlobRange = readonly [start: number, end: number];

/**
 * Ranges as a caller gives them, in the form they are sent in.
 *
 * @throws TypeError when they are not ascending and disjoint (specs/storage-1.md §6)
 */
export function readRanges(ranges: readonly BlobRange[]): readonly BlobRange[] {
  if (ranges.length === 0 || ranges.length > STORAGE_RANGES_MAX) {
    throw new TypeError(`ranges must have 1 to ${STORAGE_RANGES_MAX} members, not ${ranges.length}`);
  }
  let behind = 0;
  return ranges.map(([start, givenEnd]) => {
    const end = givenEnd === Infinity ? Number.MAX_SAFE_INTEGER : givenEnd;
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < behind || end <= start) {
      throw new TypeError(`the range [${start}, ${givenEnd}] is empty, or not behind the one before`);
    }
    behind = end;
    return [start, end];
  });
}

/** Ranges within a blob; undefined when one begins at or behind its end, which the node had to refuse. */
export function clipRanges(ranges: readonly BlobRange[] | undefined, sizeBytes: number): readonly BlobRange[] | undefined {
  if (ranges === undefined) return sizeBytes === 0 ? [] : [[0, sizeBytes]];
  if (ranges.some(([start]) => start >= sizeBytes)) return undefined;
  return ranges.map(([start, end]) => [start, Math.min(end, sizeBytes)]);
}

/** What is left of ranges once so many of their bytes were handed out. */
export function rangesAfter(ranges: readonly BlobRange[], bytes: number): readonly BlobRange[] {
  const left: BlobRange[] = [];
  let skipped = bytes;
  for (const [start, end] of ranges) {
    if (skipped >= end - start) {
      skipped -= end - start;
    } else {
      left.push([start + skipped, end]);
      skipped = 0;
    }
  }
  return left;
}

/** Bytes of some ranges. */
export function bytesOf(ranges: readonly BlobRange[]): number {
  return ranges.reduce((sum, [start, end]) => sum + end - start, 0);
}
