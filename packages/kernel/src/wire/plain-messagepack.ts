import { MESSAGEPACK_DEPTH_MAX, MESSAGEPACK_ITEMS_MAX } from '../limits.ts';

/** Names of fields that are seen again and again, by a hash of their bytes; one that is hashed alike takes the place. */
const KNOWN_KEYS: string[] = Array.from({ length: 256 }, () => '');

/**
 * The map in `payload`, when it is made of what nearly all are made of: nil,
 * booleans, integers from 0 to 2^53 - 1, ASCII, bin, arrays and maps. Undefined for anything
 * else, wrong or merely rare, which the library decodes and judges: it takes
 * three times as long for text, byte by byte, as V8 does.
 */
export function decodePlainMap(payload: Uint8Array): Record<string, unknown> | undefined {
  if (!isMapHead(payload[0] ?? 0)) return undefined;
  const reader = new PlainReader(payload);
  const map = reader.value(0);
  return map !== UNUSUAL && reader.atEnd ? (map as Record<string, unknown>) : undefined;
}

/** In place of a value: somebody else has to read it. */
const UNUSUAL = Symbol('unusual');

class PlainReader {
  readonly #bytes: Buffer;
  #at = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The next value, below so many containers; beyond the end there is nothing usual. */
  value(depth: number): unknown {
    const head = this.#bytes[this.#at++];
    if (head === undefined || ++this.#items > MESSAGEPACK_ITEMS_MAX) return UNUSUAL;
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 0x0f, depth);
    if (head < 0xa0) return this.#array(head & 0x0f, depth);
    if (head < 0xc0) return this.#text(head & 0x1f);
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#bin(this.#number(1));
      case 0xc5:
        return this.#bin(this.#number(2));
      case 0xc6:
        return this.#bin(this.#number(4));
      case 0xcc:
        return this.#integer(1);
      case 0xcd:
        return this.#integer(2);
      case 0xce:
        return this.#integer(4);
      case 0xcf:
        return this.#integer(8);
      case 0xd9:
        return this.#text(this.#number(1));
      case 0xda:
        return this.#text(this.#number(2));
      case 0xdc:
        return this.#array(this.#number(2), depth);
      case 0xde:
        return this.#map(this.#number(2), depth);
      default:
        return UNUSUAL;
    }
  }

  /** A big-endian number; what would lie beyond the end makes it NaN. */
  #number(width: number): number {
    const bytes = this.#bytes;
    let value = 0;
    for (const end = this.#at + width; this.#at < end; this.#at++) value = value * 256 + (bytes[this.#at] ?? Number.NaN);
    return value;
  }

  #integer(width: number): unknown {
    const value = this.#number(width);
    return Number.isSafeInteger(value) ? value : UNUSUAL;
  }

  /** Where the next bytes end; undefined when there are not so many. */
  #end(bytes: number): number | undefined {
    const end = this.#at + bytes;
    return end <= this.#bytes.length ? end : undefined;
  }

  #bin(length: number): unknown {
    const start = this.#at;
    const end = this.#end(length);
    if (end === undefined) return UNUSUAL;
    this.#at = end;
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + start, length);
  }

  #text(length: number): unknown {
    const start = this.#at;
    const end = this.#end(length);
    if (end === undefined || !this.#isAscii(start, end)) return UNUSUAL;
    this.#at = end;
    return this.#bytes.toString('latin1', start, end);
  }

  #isAscii(start: number, end: number): boolean {
    let all = 0;
    for (let at = start; at < end; at++) all |= this.#bytes[at] as number;
    return all < 0x80;
  }

  #array(length: number, depth: number): unknown {
    if (depth === MESSAGEPACK_DEPTH_MAX) return UNUSUAL;
    const values: unknown[] = [];
    // A length that is wrong ends with the bytes; nothing is reserved for it.
    for (let left = length; left > 0; left--) {
      const value = this.value(depth + 1);
      if (value === UNUSUAL) return UNUSUAL;
      values.push(value);
    }
    return length >= 0 ? values : UNUSUAL;
  }

  #map(length: number, depth: number): unknown {
    if (depth === MESSAGEPACK_DEPTH_MAX) return UNUSUAL;
    const map: Record<string, unknown> = {};
    for (let left = length; left > 0; left--) {
      const key = this.#key();
      const value = key === undefined ? UNUSUAL : this.value(depth + 1);
      if (key === undefined || value === UNUSUAL) return UNUSUAL;
      map[key] = value;
    }
    return length >= 0 ? map : UNUSUAL;
  }

  /** A key of at most 31 characters; `__proto__` would not become a field. */
  #key(): string | undefined {
    const bytes = this.#bytes;
    const head = bytes[this.#at] ?? 0;
    const start = this.#at + 1;
    const end = start + (head & 0x1f);
    if (head < 0xa0 || head >= 0xc0 || end > bytes.length || ++this.#items > MESSAGEPACK_ITEMS_MAX) return undefined;
    this.#at = end;
    const place = ((head & 0x1f) * 31 + (bytes[start] ?? 0) * 7 + (bytes[end - 1] as number)) & 0xff;
    const known = KNOWN_KEYS[place] as string;
    if (known.length === end - start && matches(known, bytes, start)) return known;
    if (!this.#isAscii(start, end)) return undefined;
    const key = bytes.toString('latin1', start, end);
    
    if (key === '__proto__') return undefined;
    KNOWN_KEYS[place] = key;
    return key;
  }
}

function matches(text: string, bytes: Uint8Array, start: number): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[start + index] !== text.charCodeAt(index)) return false;
  return true;
}

function isMapHead(head: number): boolean {
  return (head >= 0x80 && head < 0x90) || head === 0xde;
}
