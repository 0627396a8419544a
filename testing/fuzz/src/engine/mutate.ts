import { MUTATIONS_MAX } from '../bounds.ts';
import type { Random } from './random.ts';

const INTERESTING = [0, 1, 2, 4, 8, 0x0f, 0x10, 0x1f, 0x20, 0x7f, 0x80, 0xc0, 0xc1, 0xfe, 0xff];
const INTERESTING_WORDS = [0, 1, 37, 38, 255, 256, 4_096, 4_097, 32_767, 32_768, 65_535, 65_536, 1_048_576, 1_048_577, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
/** Longest piece that one mutation inserts or repeats. */
const PIECE_BYTES_MAX = 256;

/** Where mutations take their material from. */
export interface Material {
  readonly dictionary: readonly Uint8Array[];
  /** Another input of the corpus. */
  other(): Uint8Array;
  readonly bytesMax: number;
}

/** A changed copy of an input. */
export function mutate(input: Uint8Array, random: Random, material: Material): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(input);
  for (let left = 1 + random.skewed(MUTATIONS_MAX); left > 0; left--) bytes = random.pick(MUTATIONS)(bytes, random, material);
  return bytes.length > material.bytesMax ? bytes.slice(0, material.bytesMax) : bytes;
}

type Mutation = (bytes: Uint8Array, random: Random, material: Material) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  addToByte,
  setInteger,
  insertWord,
  insertWord,
  overwriteWord,
  insertRandom,
  remove,
  remove,
  repeat,
  move,
  cut,
  splice,
];

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length);
  if (bytes.length > 0) bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  return bytes;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.oneIn(2) ? random.pick(INTERESTING) : random.next();
  return bytes;
}

function addToByte(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length);
  if (bytes.length > 0) bytes[at] = (bytes[at] as number) + random.below(33) - 16;
  return bytes;
}

/** A number of 2, 3 or 4 bytes, in either order. */
function setInteger(bytes: Uint8Array, random: Random, { bytesMax }: Material): Uint8Array {
  const width = 2 + random.below(3);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  const candidates = [random.pick(INTERESTING_WORDS), bytes.length, bytes.length - at - width, random.below(bytesMax)];
  let value = random.pick(candidates);
  const bigEndian = random.oneIn(2);
  for (let nth = 0; nth < width; nth++) {
    bytes[bigEndian ? at + width - 1 - nth : at + nth] = value & 0xff;
    value = Math.floor(value / 256);
  }
  return bytes;
}

function insertWord(bytes: Uint8Array, random: Random, { dictionary }: Material): Uint8Array {
  if (dictionary.length === 0) return bytes;
  return insert(bytes, random.below(bytes.length + 1), random.pick(dictionary));
}

function overwriteWord(bytes: Uint8Array, random: Random, { dictionary }: Material): Uint8Array {
  if (dictionary.length === 0) return bytes;
  const word = random.pick(dictionary);
  if (word.length > bytes.length) return bytes;
  bytes.set(word, random.below(bytes.length - word.length + 1));
  return bytes;
}

function insertRandom(bytes: Uint8Array, random: Random): Uint8Array {
  return insert(bytes, random.below(bytes.length + 1), random.bytes(1 + random.skewed(16)));
}

function remove(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random.below(bytes.length);
  const count = 1 + random.skewed(Math.min(PIECE_BYTES_MAX, bytes.length - start));
  return concat(bytes.subarray(0, start), bytes.subarray(start + count));
}

function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random.below(bytes.length);
  const piece = bytes.slice(start, start + 1 + random.skewed(PIECE_BYTES_MAX));
  let result = bytes;
  for (let left = 1 + random.skewed(random.oneIn(8) ? 64 : 3); left > 0; left--) result = insert(result, start, piece);
  return result;
}

function move(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random.below(bytes.length);
  const piece = bytes.slice(start, start + 1 + random.skewed(PIECE_BYTES_MAX));
  if (piece.length > 0) bytes.set(piece, random.below(bytes.length - piece.length + 1));
  return bytes;
}

function cut(bytes: Uint8Array, random: Random): Uint8Array {
  return random.oneIn(2) ? bytes.slice(0, random.below(bytes.length + 1)) : bytes.slice(random.below(bytes.length));
}

/** The front of this input and the back of another, or the other inside this one. */
function splice(bytes: Uint8Array, random: Random, material: Material): Uint8Array {
  const other = material.other();
  const from = random.below(other.length);
  if (random.oneIn(2)) return concat(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(from));
  return insert(bytes, random.below(bytes.length + 1), other.subarray(from, from + 1 + random.skewed(PIECE_BYTES_MAX)));
}

function insert(bytes: Uint8Array, at: number, piece: Uint8Array): Uint8Array {
  return concat(bytes.subarray(0, at), piece, bytes.subarray(at));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
