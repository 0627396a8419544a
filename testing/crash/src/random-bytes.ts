/** The same bytes for the same number, different ones for another; the number comes first where there is room. */
export function bytesOf(number: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (number * 2_654_435_761) >>> 0 || 1;
  for (let at = 0; at + 4 <= length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    bytes.writeUInt32LE(state, at);
  }
  if (length >= 4) bytes.writeUInt32LE(number, 0);
  return bytes;
}

/** A whole number from 0 up to, and not including, `below`. */
export function anyBelow(below: number): number {
  return Math.floor(Math.random() * below);
}
