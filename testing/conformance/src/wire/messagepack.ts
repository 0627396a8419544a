import { MESSAGEPACK_DEPTH_MAX } from '../bounds.ts';

/** What this tool writes: bytes stand for a value that is encoded already. */
export type Packable = string | number | bigint | boolean | null | Uint8Array | readonly Packable[] | { readonly [key: string]: Packable };

/** A MessagePack map, in long encodings of numbers and lengths on purpose: §1 has a receiver accept each. */
export function encodeMap(map: Readonly<Record<string, Packable>>): Buffer {
  return encode(map);
}

function encode(value: Packable): Buffer {
  if (value === null) return Buffer.of(0xc0);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === 'string') return encodeText(value);
  if (typeof value === 'number' || typeof value === 'bigint') return encodeNumber(value);
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (isList(value)) return Buffer.concat([head16(0xdc, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([head16(0xde, entries.length), ...entries.flatMap(([key, item]) => [encodeText(key), encode(item)])]);
}

function isList(value: Packable): value is readonly Packable[] {
  return Array.isArray(value);
}

function head16(type: number, count: number): Buffer {
  return Buffer.of(type, count >> 8, count & 0xff);
}

function encodeText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes.length < 32 ? Buffer.of(0xa0 | bytes.length) : head16(0xda, bytes.length), bytes]);
}

function encodeNumber(value: number | bigint): Buffer {
  if (typeof value === 'number' && !Number.isInteger(value)) {
    const bytes = Buffer.alloc(9, 0xcb);
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  const integer = BigInt(value);
  if (integer >= 0n && integer < 128n) return Buffer.of(Number(integer));
  const bytes = Buffer.alloc(9, integer < 0n ? 0xd3 : 0xcf);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, integer), 1);
  return bytes;
}

/** One value, with nothing behind it; 64-bit integers above 2^53 - 1 stay bigints. */
export function decodeMessagePack(bytes: Buffer): unknown {
  const reader = new Reader(bytes);
  const value = reader.value(0);
  if (reader.at !== bytes.length) throw new RangeError(`${bytes.length - reader.at} bytes behind the value`);
  return value;
}

class Reader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): unknown {
    if (depth > MESSAGEPACK_DEPTH_MAX) throw new RangeError('nested too deep');
    const head = this.#number(1);
    if (head < 0x80) return head;
    if (head < 0x90) return this.#map(head & 15, depth);
    if (head < 0xa0) return this.#list(head & 15, depth);
    if (head < 0xc0) return this.#take(head & 31).toString();
    if (head >= 0xe0) return head - 256;
    return this.#sized(head, depth);
  }

  #sized(head: number, depth: number): unknown {
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return head === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#number(1 << (head - 0xc4)));
      case 0xca:
        return this.#take(4).readFloatBE();
      case 0xcb:
        return this.#take(8).readDoubleBE();
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#number(1 << (head - 0xcc));
      case 0xcf:
        return narrow(this.#take(8).readBigUInt64BE());
      case 0xd0:
        return this.#take(1).readInt8();
      case 0xd1:
        return this.#take(2).readInt16BE();
      case 0xd2:
        return this.#take(4).readInt32BE();
      case 0xd3:
        return narrow(this.#take(8).readBigInt64BE());
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#take(this.#number(1 << (head - 0xd9))).toString();
      case 0xdc:
      case 0xdd:
        return this.#list(this.#number(head === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#number(head === 0xde ? 2 : 4), depth);
      default:
        throw new RangeError(`type byte 0x${head.toString(16)}`);
    }
  }

  #list(count: number, depth: number): unknown[] {
    const list: unknown[] = [];
    for (let index = 0; index < count; index++) list.push(this.value(depth + 1));
    return list;
  }

  #map(count: number, depth: number): Record<string, unknown> {
    const map = new Map<string, unknown>();
    for (let index = 0; index < count; index++) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string') throw new RangeError('a key that is no string');
      if (map.has(key)) throw new RangeError(`the key ${key} twice (§1)`);
      map.set(key, this.value(depth + 1));
    }
    return Object.fromEntries(map);
  }

  #number(bytes: number): number {
    return this.#take(bytes).readUIntBE(0, bytes);
  }

  #take(bytes: number): Buffer {
    const end = this.at + bytes;
    if (end > this.#bytes.length) throw new RangeError('it ends in the middle of a value');
    const taken = this.#bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}

function narrow(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
