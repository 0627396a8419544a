import { BackwardBitReader } from './bit-reader.ts';
import { buildFseTable, readFseTable, singleSymbolTable } from './fse-table.ts';
import type { FseTable } from './fse-table.ts';
import { malformed } from './refusal.ts';

/** No block regenerates more (RFC 8878 §3.1.1.2.4). */
const BLOCK_BYTES_MAX = 131_072;
/** A Huffman tree describes at most this many weights (RFC 8878 §4.2.1). */
const WEIGHTS_MAX = 255;
/** Precision of the table that compresses Huffman weights (RFC 8878 §4.2.1.2). */
const WEIGHTS_ACCURACY_LOG_MAX = 6;
const WEIGHT_SYMBOL_MAX = 255;
/** An offset of this many bits reaches 8 MiB back, further than a reply can be long. */
const OFFSET_CODE_MAX = 23;

/** The three symbols of a sequence, in the order in which their tables are stored. */
const LITERALS = 0;
const OFFSET = 1;
const MATCH = 2;
const SYMBOL_MAX = [35, 31, 52] as const;
const ACCURACY_LOG_MAX = [9, 8, 9] as const;
const TableMode = { PREDEFINED: 0, RLE: 1, FSE: 2, REPEAT: 3 } as const;

type Tables = [literals: FseTable, offset: FseTable, match: FseTable];

const runs = (...pairs: readonly (readonly [times: number, value: number])[]): number[] =>
  pairs.flatMap(([times, value]) => Array<number>(times).fill(value));

/** RFC 8878 §3.1.1.3.2.2. */
const PREDEFINED: Tables = [
  buildFseTable([4, 3, ...runs([11, 2], [3, 1], [9, 2]), 3, 2, ...runs([5, 1], [4, -1])], 6),
  buildFseTable(runs([6, 1], [3, 2], [15, 1], [5, -1]), 5),
  buildFseTable([1, 4, 3, ...runs([6, 2], [37, 1], [7, -1])], 6),
];

/** Extra bits of each length code (RFC 8878 §3.1.1.3.2.1.1). */
const LITERALS_BITS = Uint8Array.from([...runs([16, 0], [4, 1], [2, 2], [2, 3]), 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const MATCH_BITS = Uint8Array.from([...runs([32, 0], [4, 1], [2, 2], [2, 3], [2, 4]), 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const LITERALS_BASE = baselines(LITERALS_BITS, 0);
const MATCH_BASE = baselines(MATCH_BITS, 3);

/** A code stands for the values from where the codes before it end. */
function baselines(bits: Uint8Array, first: number): Uint32Array {
  let next = first;
  return Uint32Array.from(bits, (count) => {
    const base = next;
    next += 1 << count;
    return base;
  });
}

/**
 * Follows the compressed blocks of one frame without decoding a literal: how
 * many bytes each regenerates, and that no match reaches back before the frame.
 * The JavaScript decoder checks neither, and loops without an end on some
 * Huffman trees; a block that passes here costs it time in proportion to the
 * bytes the block regenerates.
 */
export class BlockChecker {
  #tables: Tables | undefined;
  readonly #repeatOffsets: [number, number, number] = [1, 4, 8];

  /**
   * Checks the block at bytes[start, end), behind its header. `before` is what
   * the frame regenerated up to here and `room` what it may still regenerate.
   *
   * @returns the bytes this block regenerates, at most room.
   * @throws OapError bad_response.
   */
  regeneratedBytes(bytes: Uint8Array, start: number, end: number, before: number, room: number): number {
    const literals = readLiteralsSection(bytes, start, end);
    const limit = Math.min(room, BLOCK_BYTES_MAX);
    if (literals.regenerated > limit) throw malformed('a block has more literals than content');
    return this.#sequences(bytes, literals.end, end, literals.regenerated, before, limit);
  }

  #sequences(bytes: Uint8Array, start: number, end: number, literals: number, before: number, limit: number): number {
    let position = start;
    const first = bytes[position++] ?? 0;
    let count = first;
    if (first === 255) {
      count = (bytes[position] ?? 0) + ((bytes[position + 1] ?? 0) << 8) + 0x7f00;
      position += 2;
    } else if (first > 127) {
      count = ((first - 128) << 8) + (bytes[position++] ?? 0);
    }
    if (count === 0) {
      if (position !== end) throw malformed('bytes follow an empty sequences section');
      return literals;
    }
    const modes = bytes[position++] ?? 0;
    if ((modes & 3) !== 0) throw malformed('a reserved bit is set');
    const tables: Tables = [...PREDEFINED];
    for (const kind of [LITERALS, OFFSET, MATCH] as const) {
      const mode = (modes >> (6 - 2 * kind)) & 3;
      if (mode === TableMode.RLE) {
        tables[kind] = singleSymbolTable(symbolOf(bytes[position++], kind));
      } else if (mode === TableMode.FSE) {
        const read = readFseTable(bytes, position, end, ACCURACY_LOG_MAX[kind], SYMBOL_MAX[kind]);
        tables[kind] = read.table;
        position = read.end;
      } else if (mode === TableMode.REPEAT) {
        if (this.#tables === undefined) throw malformed('a table is repeated before the first one');
        tables[kind] = this.#tables[kind];
      }
    }
    this.#tables = tables;
    if (position >= end || bytes[end - 1] === 0) throw malformed('a sequence bitstream has no end mark');
    return this.#follow(new BackwardBitReader(bytes, position, end), tables, count, literals, before, limit);
  }

  /** Adds up the sequences, in the order of RFC 8878 §3.1.1.4; gives up at the first one too many. */
  #follow(bits: BackwardBitReader, tables: Tables, count: number, literals: number, before: number, limit: number): number {
    const [literalsTable, offsetTable, matchTable] = tables;
    let literalsState = bits.read(literalsTable.accuracyLog);
    let offsetState = bits.read(offsetTable.accuracyLog);
    let matchState = bits.read(matchTable.accuracyLog);
    let literalsLeft = literals;
    let produced = 0;
    for (let left = count; left > 0; left -= 1) {
      const offsetCode = offsetTable.symbols[offsetState] ?? 0;
      if (offsetCode > OFFSET_CODE_MAX) throw malformed('an offset is longer than a reply');
      const offsetValue = (1 << offsetCode) + bits.read(offsetCode);
      const matchCode = matchTable.symbols[matchState] ?? 0;
      const matchLength = (MATCH_BASE[matchCode] ?? 0) + bits.read(MATCH_BITS[matchCode] ?? 0);
      const literalsCode = literalsTable.symbols[literalsState] ?? 0;
      const literalsLength = (LITERALS_BASE[literalsCode] ?? 0) + bits.read(LITERALS_BITS[literalsCode] ?? 0);

      literalsLeft -= literalsLength;
      if (literalsLeft < 0) throw malformed('a sequence has more literals than its block');
      const offset = this.#offset(offsetValue, literalsLength);
      produced += literalsLength;
      if (offset < 1 || offset > before + produced) throw malformed('a match begins before the frame');
      produced += matchLength;
      if (produced + literalsLeft > limit) throw malformed('a block is longer than the content');

      if (left > 1) {
        literalsState = (literalsTable.baselines[literalsState] ?? 0) + bits.read(literalsTable.bits[literalsState] ?? 0);
        matchState = (matchTable.baselines[matchState] ?? 0) + bits.read(matchTable.bits[matchState] ?? 0);
        offsetState = (offsetTable.baselines[offsetState] ?? 0) + bits.read(offsetTable.bits[offsetState] ?? 0);
      }
      if (bits.remaining < 0) throw malformed('a sequence bitstream is cut off');
    }
    if (bits.remaining !== 0) throw malformed('a sequence bitstream is too long');
    return produced + literalsLeft;
  }

  /** Resolves an offset value and notes it for the next ones (RFC 8878 §3.1.1.5). */
  #offset(value: number, literalsLength: number): number {
    const recent = this.#repeatOffsets;
    if (value > 3) {
      recent[2] = recent[1];
      recent[1] = recent[0];
      return (recent[0] = value - 3);
    }
    const nth = literalsLength === 0 ? value : value - 1;
    if (nth === 0) return recent[0];
    const offset = nth === 3 ? recent[0] - 1 : nth === 2 ? recent[2] : recent[1];
    if (nth > 1) recent[2] = recent[1];
    recent[1] = recent[0];
    return (recent[0] = offset);
  }
}

function symbolOf(byte: number | undefined, kind: 0 | 1 | 2): number {
  if (byte === undefined || byte > SYMBOL_MAX[kind]) throw malformed('a length or offset code is unknown');
  return byte;
}

/** Size of the literals of the block at bytes[start, end), and where its sequences begin. */
function readLiteralsSection(bytes: Uint8Array, start: number, end: number): { regenerated: number; end: number } {
  const first = bytes[start] ?? 0;
  const type = first & 3;
  const format = (first >> 2) & 3;
  const word = first + ((bytes[start + 1] ?? 0) << 8) + ((bytes[start + 2] ?? 0) << 16);
  let regenerated: number;
  let position: number;
  if (type < 2) {
    const headerBytes = format === 1 ? 2 : format === 3 ? 3 : 1;
    regenerated = headerBytes === 1 ? first >> 3 : headerBytes === 2 ? (word >> 4) & 0xfff : word >> 4;
    position = start + headerBytes + (type === 0 ? regenerated : 1);
  } else {
    const sizeBits = format === 2 ? 14 : format === 3 ? 18 : 10;
    const headerBytes = (4 + 2 * sizeBits) / 8;
    const whole = word + (bytes[start + 3] ?? 0) * 2 ** 24 + (bytes[start + 4] ?? 0) * 2 ** 32;
    regenerated = Math.floor(whole / 16) % 2 ** sizeBits;
    const compressed = Math.floor(whole / 2 ** (4 + sizeBits)) % 2 ** sizeBits;
    const treeStart = start + headerBytes;
    position = treeStart + compressed;
    if (type === 2) checkHuffmanTree(bytes, treeStart, Math.min(position, end));
  }
  if (position >= end) throw malformed('the literals leave their block');
  return { regenerated, end: position };
}

/** That the description of a Huffman tree ends: its weights may themselves be compressed. */
function checkHuffmanTree(bytes: Uint8Array, start: number, end: number): void {
  const header = bytes[start] ?? 0;
  if (header >= 128) return;
  const treeEnd = start + 1 + header;
  if (treeEnd > end) throw malformed('a Huffman tree leaves its block');
  const { table, end: streamStart } = readFseTable(bytes, start + 1, treeEnd, WEIGHTS_ACCURACY_LOG_MAX, WEIGHT_SYMBOL_MAX);
  if (streamStart >= treeEnd || bytes[treeEnd - 1] === 0) throw malformed('the weights of a Huffman tree have no end mark');
  const bits = new BackwardBitReader(bytes, streamStart, treeEnd);
  const states = [bits.read(table.accuracyLog), bits.read(table.accuracyLog)];
  for (let weights = 0; bits.remaining >= 0; weights += 1) {
    // A table whose states cost no bits never comes to an end.
    if (weights > WEIGHTS_MAX) throw malformed('a Huffman tree has too many weights');
    const state = states[weights & 1] ?? 0;
    states[weights & 1] = (table.baselines[state] ?? 0) + bits.read(table.bits[state] ?? 0);
  }
}
