import { decode } from '@msgpack/msgpack';
import { MESSAGEPACK_DEPTH_MAX, MESSAGEPACK_ITEMS_MAX } from '../limits.ts';
import { decodePlainMap } from './plain-messagepack.ts';
import { isUtf8 } from './utf8.ts';

/** What stands behind a head byte: `count` is in the head itself or in the next `lengthBytes`. */
interface Layout {
  readonly lengthBytes: 0 | 1 | 2 | 4;
  readonly count: number;
  /** Content bytes in any case, and per unit of `count`. */
  readonly bytes: number;
  readonly bytesEach: 0 | 1;
  /** Items that follow per unit of `count`: 1 in an array, 2 in a map. */
  readonly itemsEach: 0 | 1 | 2;
  readonly isText: boolean;
}

/** No value begins with this byte; the end of the bytes is treated like it. */
const NEVER_USED = 0xc1;
const LAYOUTS: readonly (Layout | undefined)[] = Array.from({ length: 256 }, (_, head) => layoutOf(head));

/** A MessagePack map with text keys, or `undefined` when the bytes are anything else. */
export function decodeMap(payload: Uint8Array): Record<string, unknown> | undefined {
  return decodePlainMap(payload) ?? decodeAnyMap(payload);
}

function decodeAnyMap(payload: Uint8Array): Record<string, unknown> | undefined {
  if (!isDecodable(payload)) return undefined;
  try {
    const value: unknown = decode(payload);
    return isMap(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether `bytes` may be given to a decoder: one MessagePack value with nothing
 * behind it, of at most MESSAGEPACK_ITEMS_MAX values nested at most
 * MESSAGEPACK_DEPTH_MAX deep, that declares no more values than bytes came, and
 * whose texts are UTF-8 and begin with no byte order mark (specs/oap-1.md §1). The
 * decoder drops the mark from texts over 200 bytes, and makes some text of bytes
 * that are none, so that another topic or key would be obeyed than was sent. It
 * also reserves an array at its declared length: five bytes can cost it 256 MB,
 * and a few such arrays inside each other the process. This reads heads and texts
 * only, in linear time, and reserves nothing.
 */
export function isDecodable(bytes: Uint8Array): boolean {
  /** Items that each open container still waits for, outermost first. */
  const waiting: number[] = [];
  let here = 1;
  let inAll = 1;
  let seen = 0;
  let at = 0;
  while (inAll > 0) {
    if (inAll > MESSAGEPACK_ITEMS_MAX - seen) return false;
    const layout = LAYOUTS[bytes[at] ?? NEVER_USED];
    if (layout === undefined) return false;
    const count = layout.lengthBytes === 0 ? layout.count : readCount(bytes, at + 1, layout.lengthBytes);
    const items = count * layout.itemsEach;
    const contentAt = at + 1 + layout.lengthBytes;
    if (layout.isText && !isProperText(bytes, contentAt, count)) return false;
    at = contentAt + layout.bytes + count * layout.bytesEach;
    seen += 1;
    here -= 1;
    inAll += items - 1;
    if (layout.itemsEach > 0 && waiting.length === MESSAGEPACK_DEPTH_MAX) return false;
    if (items > 0) {
      waiting.push(here);
      here = items;
    }
    while (here === 0 && waiting.length > 0) here = waiting.pop() as number;
  }
  return at === bytes.length;
}

function isProperText(bytes: Uint8Array, at: number, length: number): boolean {
  // A text that goes on behind the end is refused there.
  return !(length >= 3 && hasByteOrderMark(bytes, at)) && isUtf8(bytes, at, Math.min(at + length, bytes.length));
}

function hasByteOrderMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}

/** An unsigned big-endian number of 1, 2 or 4 bytes; bytes beyond the end are 0, and the walk ends there. */
function readCount(bytes: Uint8Array, at: number, width: number): number {
  let count = 0;
  for (let i = at; i < at + width; i++) count = count * 256 + (bytes[i] ?? 0);
  return count;
}

/** The format table of MessagePack. */
function layoutOf(head: number): Layout | undefined {
  if (head < 0x80 || head >= 0xe0) return fixed(0);
  if (head < 0x90) return { ...fixed(0), count: head & 0x0f, itemsEach: 2 };
  if (head < 0xa0) return { ...fixed(0), count: head & 0x0f, itemsEach: 1 };
  if (head < 0xc0) return { ...fixed(0), count: head & 0x1f, bytesEach: 1, isText: true };
  if (head === NEVER_USED) return undefined;
  if (head < 0xc4) return fixed(0);
  if (head < 0xc7) return { ...fixed(0), lengthBytes: widthOf(head - 0xc4), bytesEach: 1 };
  if (head < 0xca) return { ...fixed(1), lengthBytes: widthOf(head - 0xc7), bytesEach: 1 };
  if (head < 0xcc) return fixed(4 << (head - 0xca));
  if (head < 0xd4) return fixed(1 << (head & 3));
  if (head < 0xd9) return fixed(1 + (1 << (head - 0xd4)));
  if (head < 0xdc) return { ...fixed(0), lengthBytes: widthOf(head - 0xd9), bytesEach: 1, isText: true };
  return { ...fixed(0), lengthBytes: head % 2 === 0 ? 2 : 4, itemsEach: head < 0xde ? 1 : 2 };
}

function fixed(bytes: number): Layout {
  return { lengthBytes: 0, count: 0, bytes, bytesEach: 0, itemsEach: 0, isText: false };
}

/** Each format comes with a length of 1, 2 and 4 bytes, in this order. */
function widthOf(index: number): 1 | 2 | 4 {
  return index === 0 ? 1 : index === 1 ? 2 : 4;
}

/** Whether a decoded value is a count, a size or a time: an integer from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
