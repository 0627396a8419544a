import fc from 'fast-check';
import t from 'tap';
import { MAILBOX_RECORD_BYTES_MAX } from '../../src/limits.ts';
import { RecordReader } from '../../src/mailbox/record-reader.ts';

const seed = Number(process.env.OMNIGATE_TEST_SEED ?? Date.now() % 2 ** 31);
t.comment(`seed ${String(seed)}: OMNIGATE_TEST_SEED repeats`);

function framed(record: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(4 + record.length);
  bytes.writeUInt32BE(record.length);
  bytes.set(record, 4);
  return bytes;
}

function read(pieces: readonly Uint8Array[]): string[] {
  const reader = new RecordReader();
  const records: string[] = [];
  // What a piece is made of is gone when the next one comes, as a read buffer would be.
  for (const piece of pieces) {
    reader.push(piece, (record) => records.push(Buffer.from(record).toString('hex')));
    piece.fill(0xee);
  }
  return records;
}

await t.test('bytes written by hand, cut at every place', (t) => {
  const bytes = [0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9];
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const pieces = [bytes.slice(0, first), bytes.slice(first, second), bytes.slice(second)];
      t.same(read(pieces.map((piece) => Uint8Array.from(piece))), ['0708', '', '09']);
    }
  }
  t.end();
});

await t.test('records of any size come out as they went in, however they are cut', (t) => {
  const records = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
  const property = fc.property(records, fc.array(fc.nat(4_000), { maxLength: 20 }), (list, cuts) => {
    const bytes = Buffer.concat(list.map(framed));
    const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
    const pieces = at.slice(1).map((end, index) => Uint8Array.from(bytes.subarray(at[index], end)));
    return JSON.stringify(read(pieces)) === JSON.stringify(list.map((record) => Buffer.from(record).toString('hex')));
  });
  fc.assert(property, { seed, numRuns: 2_000 });
  t.end();
});

await t.test('a length beyond any record is refused before memory is reserved', (t) => {
  const refused = { reason: 'bad_response', message: /a record of 2097153 bytes/ };
  const length = (bytes: number): Uint8Array => Uint8Array.from([bytes >>> 24, (bytes >> 16) & 255, (bytes >> 8) & 255, bytes & 255]);
  t.throws(() => { new RecordReader().push(length(MAILBOX_RECORD_BYTES_MAX + 1), () => undefined); }, refused);
  t.throws(() => { new RecordReader().push(length(0xffffffff), () => undefined); }, { message: /a record of 4294967295 bytes/ });
  new RecordReader().push(length(MAILBOX_RECORD_BYTES_MAX), () => t.fail('it is not complete'));
  t.end();
});
