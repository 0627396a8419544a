import { isUtf8 } from 'node:buffer';

/** What a MessagePack value consists of. */
export interface Shape {
  /** Values in it, itself included. */
  items: number;
  /** Arrays and maps around the innermost value. */
  depth: number;
  readonly isMap: boolean;
  /** A text in it begins with U+FEFF, or is not UTF-8. */
  hasBadText: boolean;
}

/**
 * The shape of the one value that `bytes` are, by recursion and from the format
 * specification alone; undefined when they are not one value.
 */
export function readShape(bytes: Uint8Array): Shape | undefined {
  const head = bytes[0] ?? 0;
  const shape = { items: 0, depth: 0, isMap: (head >= 0x80 && head < 0x90) || head === 0xde || head === 0xdf, hasBadText: false };
  return readValue(bytes, 0, 0, shape) === bytes.length ? shape : undefined;
}

/** @returns where the value ends; undefined when the bytes end before it */
function readValue(bytes: Uint8Array, at: number, depth: number, shape: Shape): number | undefined {
  const head = bytes[at];
  if (head === undefined || head === 0xc1) return undefined;
  shape.items += 1;
  const number = (width: number): number | undefined => {
    if (at + 1 + width > bytes.length) return undefined;
    return bytes.subarray(at + 1, at + 1 + width).reduce((sum, byte) => sum * 256 + byte, 0);
  };
  const content = (start: number, length: number | undefined): number | undefined =>
    length === undefined || start + length > bytes.length ? undefined : start + length;
  const text = (start: number, length: number | undefined): number | undefined => {
    const end = content(start, length);
    const found = Buffer.from(bytes.subarray(start, end ?? start));
    if (found.toString('latin1').startsWith('\u00ef\u00bb\u00bf') || !isUtf8(found)) shape.hasBadText = true;
    return end;
  };
  const values = (start: number, count: number | undefined): number | undefined => {
    shape.depth = Math.max(shape.depth, depth + 1);
    if (count === undefined) return undefined;
    let end: number | undefined = start;
    for (let left = count; left > 0 && end !== undefined; left--) end = readValue(bytes, end, depth + 1, shape);
    return end;
  };
  if (head <= 0x7f || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) return at + 1;
  if (head <= 0x8f) return values(at + 1, 2 * (head - 0x80));
  if (head <= 0x9f) return values(at + 1, head - 0x90);
  if (head <= 0xbf) return text(at + 1, head - 0xa0);
  const times = (count: number | undefined, factor: number) => (count === undefined ? undefined : count * factor);
  const plus = (count: number | undefined, more: number) => (count === undefined ? undefined : count + more);
  switch (head) {
    case 0xc4:
      return content(at + 2, number(1));
    case 0xc5:
      return content(at + 3, number(2));
    case 0xc6:
      return content(at + 5, number(4));
    case 0xd9:
      return text(at + 2, number(1));
    case 0xda:
      return text(at + 3, number(2));
    case 0xdb:
      return text(at + 5, number(4));
    case 0xc7:
      return content(at + 2, plus(number(1), 1));
    case 0xc8:
      return content(at + 3, plus(number(2), 1));
    case 0xc9:
      return content(at + 5, plus(number(4), 1));
    case 0xcc:
    case 0xd0:
      return content(at + 1, 1);
    case 0xcd:
    case 0xd1:
    case 0xd4:
      return content(at + 1, 2);
    case 0xd5:
      return content(at + 1, 3);
    case 0xca:
    case 0xce:
    case 0xd2:
      return content(at + 1, 4);
    case 0xd6:
      return content(at + 1, 5);
    case 0xcb:
    case 0xcf:
    case 0xd3:
      return content(at + 1, 8);
    case 0xd7:
      return content(at + 1, 9);
    case 0xd8:
      return content(at + 1, 17);
    case 0xdc:
      return values(at + 3, number(2));
    case 0xdd:
      return values(at + 5, number(4));
    case 0xde:
      return values(at + 3, times(number(2), 2));
    default:
      return values(at + 5, times(number(4), 2));
  }
}
