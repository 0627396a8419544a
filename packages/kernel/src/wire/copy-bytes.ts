/** Up to this size a loop over bytes beats `subarray()` and `set()`, which together cost as much as 40 bytes. */
const LOOP_BYTES_MAX = 32;

/** Copies from[start, end) to `to`, beginning at `at`; the memory must not overlap. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (start === 0 && end === from.length) {
    to.set(from, at);
  } else if (end - start > LOOP_BYTES_MAX) {
    to.set(from.subarray(start, end), at);
  } else {
    for (let i = start, o = at; i < end; i++, o++) to[o] = from[i] as number;
  }
}
