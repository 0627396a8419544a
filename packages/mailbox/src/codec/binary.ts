/** Numbers as binary strings (one character for each byte), for keys; big endian, so that they sort as numbers. */

/** 1 byte. */
export function byteKey(value: number): string {
  return String.fromCharCode(value);
}

/** 4 bytes. */
export function u32Key(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** 6 bytes, for times in milliseconds and other numbers below 2^48. */
export function u48Key(value: number): string {
  const high = Math.floor(value / 0x1_0000_0000);
  return String.fromCharCode((high >>> 8) & 0xff, high & 0xff) + u32Key(value % 0x1_0000_0000);
}

/** The 6-byte number at `at`. */
export function readU48Key(key: string, at: number): number {
  return key.charCodeAt(at) * 0x100_0000_0000 + key.charCodeAt(at + 1) * 0x1_0000_0000 + readU32Key(key, at + 2);
}

/** The 4-byte number at `at`. */
export function readU32Key(key: string, at: number): number {
  return (
    key.charCodeAt(at) * 0x100_0000 + key.charCodeAt(at + 1) * 0x1_0000 + key.charCodeAt(at + 2) * 0x100 + key.charCodeAt(at + 3)
  );
}
