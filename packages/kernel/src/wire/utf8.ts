/** Whether the bytes from `at` up to `end` are well-formed UTF-8 (RFC 3629 §4): no stray or missing byte, nothing longer than need be, no half of a pair. */
export function isUtf8(bytes: Uint8Array, at: number, end: number): boolean {
  for (let i = at; i < end; ) {
    const first = bytes[i] as number;
    if (first < 0x80) {
      i++;
      continue;
    }
    const more = followersOf(first);
    if (more === 0 || i + more >= end) return false;
    const second = bytes[i + 1] as number;
    if (second < lowestSecond(first) || second > highestSecond(first)) return false;
    for (let k = i + 2; k <= i + more; k++) if (((bytes[k] as number) & 0xc0) !== 0x80) return false;
    i += more + 1;
  }
  return true;
}

/** Bytes that follow a first byte of several; 0 when it is none. */
function followersOf(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/** Below it, the code point would have a shorter form. */
function lowestSecond(first: number): number {
  return first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
}

/** Above it, the code point would be a surrogate, or beyond U+10FFFF. */
function highestSecond(first: number): number {
  return first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
}
