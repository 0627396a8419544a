import { COMPRESSION_LIMITS, OapError } from '@omnigate/kernel/wire';
import fc from 'fast-check';
import t from 'tap';
import { decompressReply } from '../src/reply-decompressor.ts';
import { compressedBlock, continued, frame, noZstd, ones, ONE_LITERAL, prose, rawBlock, rleSequences, zstdDecodeAll, zstdFrame } from './zstd-frames.ts';

/** A refusal has to be faster than this, whatever the frame makes a decoder believe. */
const REFUSAL_MS_MAX = 5;

/** The content, or "why it was refused: what the message says". */
function decode(bytes: Uint8Array): Uint8Array | string {
  try {
    return decompressReply(bytes, COMPRESSION_LIMITS);
  } catch (error) {
    if (!(error instanceof OapError) || error.reason !== 'bad_response') throw error;
    const { reason } = error.detail as { reason: string };
    return `${reason}: ${/decode: (.*?)\. /.exec(error.message)?.[1] ?? ''}`;
  }
}

/** The first refusal in time, else the fastest of ten: a pause of the machine is not what is measured. */
function refusalMs(bytes: Uint8Array): number {
  let fastest = Infinity;
  for (let tries = 0; tries < 10 && fastest >= REFUSAL_MS_MAX; tries += 1) {
    const begin = performance.now();
    decode(bytes);
    fastest = Math.min(fastest, performance.now() - begin);
  }
  return fastest;
}

const isSame = (a: unknown, b: Uint8Array): boolean => a instanceof Uint8Array && Buffer.compare(a, b) === 0;
const hex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));
const text = (bytes: Uint8Array | string): string => (typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes));

await t.test('frames made by hand decode', (t) => {
  t.equal(text(decode(hex('28b52ffd2003190000616263'))), 'abc', 'a raw block');
  t.equal(text(decode(hex('28b52ffd2005' + '2b000061'))), 'aaaaa', 'an RLE block');
  t.equal(text(decode(hex('28b52ffd2000010000'))), '', 'nothing');
  t.equal(
    text(decode(frame(18, rawBlock(10), compressedBlock(ONE_LITERAL, rleSequences(1, 1, 2, 4), Uint8Array.of(0b111))))),
    'raw bytes aes aes ',
    'a match of seven bytes, four bytes back',
  );
  const first = compressedBlock(ONE_LITERAL, rleSequences(1, 1, 2, 4), Uint8Array.of(0b111));
  const repeating = compressedBlock(ONE_LITERAL, 1, 0xfc, Uint8Array.of(0b111));
  t.equal(text(decode(frame(26, rawBlock(10), continued(first), repeating))), 'raw bytes aes aes aes aes ', 'tables that are repeated');
  t.end();
});

await t.test('what would keep fzstd busy or make it lie is refused at once', (t) => {
  const endless = compressedBlock(hex('42400205' + 'f003ffffff' + '010101' + '00'));
  const bad: readonly (readonly [string, Uint8Array, string])[] = [
    ['32,000 matches of 131,074 bytes', frame(65_536, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(32_000, 0, 0, 52), ones(64_000))), 'a block is longer than the content'],
    ['the same behind a content size of 8 MiB', frame(130_000, rawBlock(20_000), compressedBlock(ONE_LITERAL, rleSequences(32_600, 0, 0, 52), ones(65_200))), 'a block is longer than the content'],
    ['a Huffman tree without an end, in 26 bytes', frame(65_536, endless), 'a Huffman tree has too many weights'],
    ['a match one byte before the frame', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(1, 0, 3, 0), Uint8Array.of(0b1100))), 'a match begins before the frame'],
    ['an offset of zero', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(1, 0, 1, 0), Uint8Array.of(0b11))), 'a match begins before the frame'],
    ['an offset of 16 MiB', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(1, 0, 24, 0), ones(3))), 'an offset is longer than a reply'],
    ['an unknown match length', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(1, 0, 2, 53), ones(1))), 'a length or offset code is unknown'],
    ['more literals than there are', frame(14, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(1, 2, 2, 0), Uint8Array.of(0b100))), 'a sequence has more literals than its block'],
    ['a bitstream that ends early', frame(20, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(2, 0, 2, 0), Uint8Array.of(0b100))), 'a sequence bitstream is cut off'],
    ['a bitstream with bits to spare', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(1, 0, 2, 0), Uint8Array.of(0b1000))), 'a sequence bitstream is too long'],
    ['a bitstream without an end mark', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, rleSequences(1, 0, 2, 0), Uint8Array.of(0))), 'a sequence bitstream has no end mark'],
    ['a table repeated before the first', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, 1, 0xfc, ones(1))), 'a table is repeated before the first one'],
    ['the reserved bits of the modes', frame(12, rawBlock(8), compressedBlock(ONE_LITERAL, 1, 0x55, 0, 2, 0, ones(1))), 'a reserved bit is set'],
    ['bytes behind an empty section', frame(9, rawBlock(8), compressedBlock(ONE_LITERAL, 0, 0)), 'bytes follow an empty sequences section'],
    ['more literals than content', frame(12, rawBlock(8), compressedBlock(5 << 3, hex('6161616161'), 0)), 'a block has more literals than content'],
    ['literals that leave the block', frame(40, rawBlock(8), compressedBlock(20 << 3, 0x61, 0)), 'the literals leave their block'],
    ['Huffman weights that leave the block', frame(12, rawBlock(8), compressedBlock(hex('42400105' + 'f003ffff' + '00'))), 'a Huffman tree leaves its block'],
    ['repeated literals without a tree', frame(12, rawBlock(8), compressedBlock(hex('43c000' + '010101' + '00'))), 'the decoder gave up'],
    ['a content size above what decodes', frame(10, rawBlock(8), compressedBlock(ONE_LITERAL, 0)), 'the content size is not what the blocks regenerate'],
  ];
  for (const [name, bytes, why] of bad) {
    t.equal(decode(bytes), `comp_malformed: ${why}`, name);
    t.ok(refusalMs(bytes) < REFUSAL_MS_MAX, `${name}: refused within ${REFUSAL_MS_MAX} ms`);
  }
  t.equal(frame(65_536, endless).length, 26);
  t.end();
});

await t.test('the guard stands before everything else', (t) => {
  const limits = { ...COMPRESSION_LIMITS, outputBytesMax: 2 };
  const reasonOf = (bytes: Uint8Array): unknown => {
    try {
      return decompressReply(bytes, limits);
    } catch (error) {
      return error instanceof OapError ? [error.reason, error.detail] : error;
    }
  };
  t.strictSame(reasonOf(hex('28b52ffd2003190000616263')), ['bad_response', { reason: 'comp_output' }], 'with the limits it is given');
  t.match(decode(hex('28b52ffd00a701000000')), 'comp_window', 'a window of 1.875 GiB in 10 bytes');
  t.match(decode(hex('28b52ffde00000008000000000')), 'comp_output', '2 GiB in 13 bytes');
  t.match(decode(hex('28b52ffd2003190000616263' + '00')), 'comp_malformed', 'a byte behind');
  t.match(decode(new Uint8Array(0)), 'comp_malformed', 'nothing');
  t.end();
});

await t.test('what the zstd command writes at any level decodes', { skip: noZstd }, (t) => {
  const levels = ['--fast=5', '-1', '-3', '-9', '-15', '-19'];
  const content = fc.oneof(
    fc.record({ bytes: fc.nat({ max: 200_000 }), seed: fc.nat() }).map(({ bytes, seed }) => prose(bytes, seed)),
    fc.uint8Array({ maxLength: 3_000, size: 'max' }),
    fc.array(fc.nat({ max: 3 }), { maxLength: 5_000, size: 'max' }).map((values) => Uint8Array.from(values)),
    fc.record({ bytes: fc.nat({ max: 60_000 }), period: fc.integer({ min: 1, max: 2_000 }) }).map(({ bytes, period }) =>
      Uint8Array.from({ length: bytes }, (_, at) => ((at % period) * 2_654_435_761) >>> 24),
    ),
  );
  fc.assert(
    fc.property(content, fc.constantFrom(...levels), fc.boolean(), (bytes, level, hasChecksum) =>
      isSame(decode(zstdFrame(bytes, level, hasChecksum ? '--check' : '--no-check')), bytes),
    ),
    { numRuns: 80 },
  );
  const large = prose(3_000_000);
  t.ok(isSame(decode(zstdFrame(large, '-3', '--zstd=wlog=20')), large), '3 MB in a window of 1 MiB');
  t.end();
});

await t.test('every cut and a bad checksum are refused', { skip: noZstd }, (t) => {
  for (const check of ['--check', '--no-check']) {
    const whole = zstdFrame(prose(2_000), '-3', check);
    t.ok(isSame(decode(whole), prose(2_000)), `the whole frame, ${check}`);
    for (let length = 0; length < whole.length; length += 1) {
      const verdict = decode(whole.subarray(0, length));
      if (typeof verdict !== 'string') t.fail(`${length} of ${whole.length} bytes decode, ${check}`);
    }
  }
  const sealed = zstdFrame(prose(2_000), '-3', '--check');
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  t.equal(decode(sealed), 'comp_malformed: the checksum differs');
  t.end();
});

await t.test('damaged frames decode to what libzstd decodes, or are refused, and quickly', { skip: noZstd }, (t) => {
  const originals = [
    zstdFrame(prose(700), '-3', '--no-check'),
    zstdFrame(prose(6_000, 2), '-19', '--no-check'),
    zstdFrame(prose(6_000, 3), '-1', '--check'),
    zstdFrame(prose(20_000, 4), '-9', '--no-check'),
    zstdFrame(Uint8Array.from({ length: 5_000 }, (_, at) => (at * at) >> 7), '-15', '--no-check'),
  ];
  const change = fc.record({ at: fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 30_000 })), byte: fc.nat({ max: 255 }) });
  const damaged: Uint8Array[] = [];
  const decoded: (Uint8Array | string)[] = [];
  fc.assert(
    fc.property(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 3 }), (original, changes) => {
      const bytes = original.slice();
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      const content = decode(bytes);
      damaged.push(bytes);
      decoded.push(content);
      return typeof content !== 'string' || refusalMs(bytes) < REFUSAL_MS_MAX;
    }),
    { numRuns: 1_500 },
  );
  const judged = zstdDecodeAll(damaged);
  let agreed = 0;
  judged.forEach((expected, n) => {
    const content = decoded[n];
    if (!(content instanceof Uint8Array) || expected === undefined) return;
    agreed += 1;
    if (!isSame(content, expected)) t.fail('other bytes than libzstd', { frame: Buffer.from(damaged[n] ?? []).toString('hex') });
  });
  t.ok(agreed > 100, `${agreed} damaged frames decode, to the same bytes`);
  t.ok(decoded.filter((content) => typeof content === 'string').length > 100, 'others are refused');
  t.end();
});
