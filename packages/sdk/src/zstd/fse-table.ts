import { malformed } from './refusal.ts';

/**
 * A decoding table of finite state entropy (RFC 8878 §4.1). In state s the
 * symbol is symbols[s], and the next state is baselines[s] plus bits[s] bits.
 */
export interface FseTable {
  /** Bits of the first state; the table has 2^accuracyLog states. */
  readonly accuracyLog: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly baselines: Uint16Array;
}

/** A table that was read, and where the bytes behind its description begin. */
export interface FseTableAt {
  readonly table: FseTable;
  readonly end: number;
}

/** A table with one symbol, which costs no bits (RFC 8878 §3.1.1.3.2.1, RLE_Mode). */
export function singleSymbolTable(symbol: number): FseTable {
  return {
    accuracyLog: 0,
    symbols: Uint8Array.of(symbol),
    bits: new Uint8Array(1),
    baselines: new Uint16Array(1),
  };
}

/**
 * Lays out a table from the probability of each symbol, where -1 is "less than
 * one" (RFC 8878 §4.1.1). The caller's probabilities add up to 2^accuracyLog.
 */
export function buildFseTable(probabilities: readonly number[], accuracyLog: number): FseTable {
  const states = 1 << accuracyLog;
  const table = {
    accuracyLog,
    symbols: new Uint8Array(states),
    bits: new Uint8Array(states),
    baselines: new Uint16Array(states),
  };
  const occurrence = probabilities.map((probability) => Math.abs(probability));
  let spreadEnd = states;
  probabilities.forEach((probability, symbol) => {
    if (probability === -1) table.symbols[--spreadEnd] = symbol;
  });
  const step = (states >> 1) + (states >> 3) + 3;
  let state = 0;
  probabilities.forEach((probability, symbol) => {
    for (let count = 0; count < probability; count += 1) {
      table.symbols[state] = symbol;
      do state = (state + step) & (states - 1);
      while (state >= spreadEnd);
    }
  });
  table.symbols.forEach((symbol, at) => {
    const nth = occurrence[symbol] ?? 0;
    occurrence[symbol] = nth + 1;
    const bits = accuracyLog - (31 - Math.clz32(nth));
    table.bits[at] = bits;
    table.baselines[at] = (nth << bits) - states;
  });
  return table;
}

/**
 * Reads the description of a table at bytes[start, end) (RFC 8878 §4.1.1).
 *
 * @throws OapError bad_response when it leaves those bytes or breaks a bound.
 */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  end: number,
  accuracyLogMax: number,
  symbolMax: number,
): FseTableAt {
  if (start >= end) throw malformed('an entropy table is missing');
  let bit = start * 8;
  const peek = (count: number): number => {
    const at = bit >> 3;
    const word = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
    return (word >> (bit & 7)) & ((1 << count) - 1);
  };

  const accuracyLog = peek(4) + 5;
  bit += 4;
  if (accuracyLog > accuracyLogMax) throw malformed('an entropy table is too precise');
  let remaining = 1 << accuracyLog;
  const probabilities: number[] = [];
  while (remaining > 0) {
    if (probabilities.length > symbolMax) throw malformed('an entropy table has too many symbols');
    // Values 0 to remaining + 1 need `count` bits, the lowest of them one bit less.
    const count = 32 - Math.clz32(remaining + 1);
    const shortValues = (1 << count) - 2 - remaining;
    const low = peek(count - 1);
    let value = low;
    if (low < shortValues) {
      bit += count - 1;
    } else {
      value = peek(count);
      if (value >= 1 << (count - 1)) value -= shortValues;
      bit += count;
    }
    const probability = value - 1;
    probabilities.push(probability);
    remaining -= Math.abs(probability);
    // Behind a zero, two bits tell how many more follow; three of them ask for another two bits.
    for (let zeros = probability === 0 ? 3 : 0; zeros === 3; ) {
      zeros = peek(2);
      bit += 2;
      for (let n = 0; n < zeros; n += 1) probabilities.push(0);
      if (probabilities.length > symbolMax) throw malformed('an entropy table has too many symbols');
    }
  }
  const tableEnd = (bit + 7) >> 3;
  if (tableEnd > end) throw malformed('an entropy table is cut off');
  return { table: buildFseTable(probabilities, accuracyLog), end: tableEnd };
}
