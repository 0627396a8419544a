/** Characters of a source from one offset on and not the other. Lists of them ascend and do not touch. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What is in both lists. */
export function intersect(a: readonly Range[], b: readonly Range[]): Range[] {
  const both: Range[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const left = a[i] as Range;
    const right = b[j] as Range;
    const start = Math.max(left.start, right.start);
    const end = Math.min(left.end, right.end);
    if (start < end) both.push({ start, end });
    if (left.end < right.end) i += 1;
    else j += 1;
  }
  return both;
}

export function bytesIn(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** A number for a list (FNV-1a over its offsets). */
export function signatureOf(ranges: readonly Range[]): number {
  let hash = 0x811c9dc5;
  for (const { start, end } of ranges) hash = Math.imul(Math.imul(hash ^ start, 0x01000193) ^ end, 0x01000193);
  return hash >>> 0;
}
