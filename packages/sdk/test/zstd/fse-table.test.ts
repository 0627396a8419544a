import { OapError } from '@omnigate/kernel/wire';
import fc from 'fast-check';
import t from 'tap';
import { buildFseTable, readFseTable, singleSymbolTable } from '../../src/zstd/fse-table.ts';

const bytesOf = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

await t.test('a description becomes the table of its probabilities', (t) => {
  // The predefined distribution of offsets (RFC 8878 §3.1.1.3.2.2.3), described as a frame would.
  const offsets = [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1];
  const description = bytesOf(32, 132, 16, 66, 102, 70, 68, 68, 68, 68, 36, 73, 2, 0);
  const read = readFseTable(description, 0, description.length, 8, 31);
  t.strictSame(read.table, buildFseTable(offsets, 5));
  t.equal(read.end, description.length, 'it ends where the description does');
  // Those of literals lengths and of match lengths (§3.1.1.3.2.2.1 and .2).
  const literals = [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1];
  const literalsDescription = bytesOf(81, 16, 99, 140, 49, 198, 24, 99, 12, 33, 196, 24, 99, 102, 102, 134, 70, 146, 4, 0);
  t.strictSame(readFseTable(literalsDescription, 0, 20, 9, 35).table, buildFseTable(literals, 6));
  const matches = [1, 4, 3, ...Array<number>(6).fill(2), ...Array<number>(37).fill(1), ...Array<number>(7).fill(-1)];
  const matchesDescription = bytesOf(33, 20, 196, 24, 99, 140, 33, 132, 16, 66, 8, 33, 132, 16, 66, 8, 33, 68, 68, 68, 68, 68, 68, 68, 68, 36, 9, 0, 0);
  t.strictSame(readFseTable(matchesDescription, 0, 29, 9, 52).table, buildFseTable(matches, 6));
  const onlyZero = readFseTable(bytesOf(0xf0, 0x03), 0, 2, 6, 255).table;
  t.strictSame(onlyZero, buildFseTable([32], 5), 'one symbol with the largest probability there is');
  const shifted = Uint8Array.of(9, 9, ...description, 9);
  t.strictSame(readFseTable(shifted, 2, shifted.length, 8, 31), { table: read.table, end: description.length + 2 });
  for (let length = 0; length < description.length; length += 1) {
    t.throws(() => readFseTable(description.subarray(0, length), 0, length, 8, 31), OapError, `${length} bytes of it`);
  }
  t.throws(() => readFseTable(description, 0, description.length, 4, 31), OapError, 'more precise than allowed');
  t.throws(() => readFseTable(description, 0, description.length, 8, 27), OapError, 'more symbols than allowed');
  t.end();
});

await t.test('a table walks as the RFC prints it', (t) => {
  // Rows of the default offset table (RFC 8878 appendix A): state, symbol, bits, baseline.
  const table = buildFseTable([1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1], 5);
  const row = (state: number): unknown => [table.symbols[state], table.bits[state], table.baselines[state]];
  t.strictSame(row(0), [0, 5, 0]);
  t.strictSame(row(1), [6, 4, 0]);
  t.strictSame(row(2), [9, 5, 0]);
  t.strictSame(row(6), [7, 4, 0]);
  t.strictSame(row(15), [7, 4, 16]);
  t.strictSame(row(16), [11, 5, 0]);
  t.strictSame(row(27), [28, 5, 0]);
  t.strictSame(row(31), [24, 5, 0]);
  t.strictSame(singleSymbolTable(7), { accuracyLog: 0, symbols: bytesOf(7), bits: bytesOf(0), baselines: Uint16Array.of(0) });
  t.end();
});

await t.test('any bytes give a consistent table or an OapError', (t) => {
  let tables = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      try {
        const { table, end } = readFseTable(bytes, 0, bytes.length, 9, 52);
        tables += 1;
        const states = 1 << table.accuracyLog;
        const isClosed = table.symbols.every((symbol, state) => {
          const next = (table.baselines[state] ?? 0) + (1 << (table.bits[state] ?? 0));
          return symbol <= 52 && next <= states;
        });
        return isClosed && end <= bytes.length;
      } catch (error) {
        return error instanceof OapError;
      }
    }),
    { numRuns: 5_000 },
  );
  t.ok(tables > 50, `${tables} of 5,000 were tables`);
  t.end();
});
