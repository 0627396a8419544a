/** Numbers as binary strings (one character for each byte), for keys, and in bytes; big endian, so that they sort as numbers. */

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

/** Writes 4 bytes. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes 6 bytes. */
export function putU48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  putU32(bytes, at + 2, value % 0x1_0000_0000);
}

/** The 4-byte number at `at`, which must be there. */
export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) * 0x100_0000 + (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
}

/** The 6-byte number at `at`, which must be there. */
export function getU48(bytes: Uint8Array, at: number): number {
  return (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) * 0x1_0000_0000 + getU32(bytes, at + 2);
}
