import { SHRINK_ATTEMPTS_MAX } from '../bounds.ts';

/**
 * A shorter input for which `keeps` still holds: pieces are left out, large ones
 * first, for at most SHRINK_ATTEMPTS_MAX attempts.
 */
export function shrink(input: Uint8Array, keeps: (candidate: Uint8Array) => boolean): Uint8Array {
  let best = input;
  let attempts = 0;
  for (let piece = best.length >> 1; piece >= 1; piece >>= 1) {
    for (let at = 0; at < best.length; ) {
      if (attempts++ >= SHRINK_ATTEMPTS_MAX) return best;
      const candidate = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + piece)]));
      if (keeps(candidate)) best = candidate;
      else at += piece;
    }
  }
  return best;
}
