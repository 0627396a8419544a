import { encode } from '@msgpack/msgpack';
import type { Random } from '../engine/random.ts';
import { words } from '../vectors.ts';

/** Heads and lengths of every format, as bytes to write by hand. */
const HEADS = [
  [0x80], [0x81], [0x82], [0x8f], [0x90], [0x91], [0xa0], [0xa1], [0xbf], [0xc0], [0xc1], [0xc2], [0xc3], [0xc4, 0], [0xc5, 0, 1], [0xc6, 0, 0, 0, 1],
  [0xc7, 0, 1], [0xca], [0xcb], [0xcc], [0xcd], [0xce], [0xcf], [0xd0], [0xd1], [0xd2], [0xd3], [0xd4, 1], [0xd6, 0xff], [0xd7, 0xff], [0xc7, 12, 0xff],
  [0xd9, 5], [0xda, 0, 5], [0xdb, 0, 0, 0, 5], [0xdc, 0, 1], [0xdd, 0, 0, 0, 1], [0xde, 0, 1], [0xdf, 0, 0, 0, 1], [0xdd, 0xff, 0xff, 0xff, 0xff], [0xe0], [0xff],
] as const;
const ODD_TEXTS = ['', '__proto__', 'constructor', 'hasOwnProperty', 'toString', '\ufeff', '\u0000', '\u202e', 'é', '😀', '..', 'a/../b'] as const;
const ODD_BYTES = [[0xef, 0xbb, 0xbf], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff]] as const;
const ODD_NUMBERS = [0, 1, 9, 10, 255, 256, 65_535, 65_536, -1, -128, 4_294_967_295, 4_294_967_296, 9_007_199_254_740_991, 9_007_199_254_740_992, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -0];

/** A dictionary for MessagePack maps with these fields. */
export function messagePackWords(fields: readonly string[]): Uint8Array[] {
  return [...words(...HEADS, ...ODD_BYTES), ...[...fields, ...ODD_TEXTS].map((text) => encode(text)), ...ODD_NUMBERS.map((number) => encode(number))];
}

/** A map of some of these fields with values of any type, one field now and then written twice or in a longer form. */
export function randomMap(random: Random, fields: readonly string[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const count = random.below(Math.min(fields.length, 14) + 1);
  for (let nth = 0; nth < count; nth++) parts.push(name(random, random.pick(fields)), valueBytes(random, 3));
  const head = random.oneIn(16) ? [0xde, 0, count] : [0x80 | count];
  return new Uint8Array(Buffer.concat([Uint8Array.from(head), ...parts]));
}

/** A good map with up to three of its fields changed, left out or added: most of it is read. */
export function changedMap(random: Random, good: Readonly<Record<string, unknown>>, fields: readonly string[]): Uint8Array {
  const map = new Map(Object.entries(good));
  for (let left = random.below(4); left > 0; left--) {
    const field = random.oneIn(3) ? random.pick(fields) : random.pick([...map.keys(), ...fields.slice(0, 1)]);
    if (random.oneIn(4)) map.delete(field);
    else map.set(field, value(random, 3));
  }
  return encode(Object.fromEntries(map));
}

function name(random: Random, field: string): Uint8Array {
  if (!random.oneIn(16)) return encode(random.oneIn(12) ? random.pick(ODD_TEXTS) : field);
  return Buffer.concat([Uint8Array.of(0xd9, Buffer.byteLength(field)), Buffer.from(field)]);
}

function valueBytes(random: Random, depth: number): Uint8Array {
  return random.oneIn(10) ? Uint8Array.from(random.pick(HEADS)) : encode(value(random, depth));
}

function value(random: Random, depth: number): unknown {
  switch (random.below(depth > 0 ? 10 : 7)) {
    case 0:
      return random.pick(ODD_NUMBERS);
    case 1:
      return random.below(2_000);
    case 2:
      return random.bytes(random.skewed(40));
    case 3:
      return random.pick([null, true, false]);
    case 4:
      return text(random);
    case 5:
      return `${random.pick(['b3m:', 'b3:'])}${Buffer.from(random.bytes(32)).toString('hex')}`;
    case 6:
      return random.pick(['orders', 'orders/eu', 'a/b/c', 'explicit', 'auto', 'ready', 'all', 'expired', 'deleted']);
    case 7:
      return Array.from({ length: random.skewed(6) }, () => value(random, depth - 1));
    case 8:
      return Object.fromEntries(Array.from({ length: random.skewed(6) }, () => [text(random), value(random, depth - 1)]));
    default:
      return { id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', body: random.bytes(3), deliveries: 1, sent_at_ms: 1, receipt: random.bytes(4) };
  }
}

function text(random: Random): string {
  const odd = random.pick(ODD_TEXTS);
  return random.oneIn(6) ? odd + 'x'.repeat(random.below(1_500)) : odd + 'x'.repeat(random.skewed(6));
}
