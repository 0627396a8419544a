import fc from 'fast-check';
import t from 'tap';
import { COMP_DECOMPRESSED_BYTES_MAX, COMP_RATIO_FLOOR_BYTES, COMP_RATIO_MAX, FRAME_BYTES_MAX } from '../../src/limits.ts';
import { checkCompressed, COMPRESSION_LIMITS as limits } from '../../src/wire/compression-guard.ts';
import type { CompressionLimits } from '../../src/wire/compression-guard.ts';
import { block, BlockType, compressed, frame, join, noZstd, prose, raw, repeat, rle, WINDOW_1_MIB, zstd } from './zstd-frames.ts';

/** No verdict may take longer; the usual one takes well below a microsecond. */
const VERDICT_MS_MAX = 5;
const BLOCK_BYTES = 131_072;
const CHECKSUM = 4;
const window = WINDOW_1_MIB;

/** The content size, or the reason of the refusal. */
function check(bytes: Uint8Array): number | string {
  const verdict = checkCompressed(bytes, 0, bytes.length, limits);
  return typeof verdict === 'number' ? verdict : verdict.reason;
}

/** The first verdict in time, else the fastest of ten: a pause of the machine is not what is measured. */
function verdictMs(bytes: Uint8Array): number {
  let fastest = Infinity;
  for (let tries = 0; tries < 10 && fastest >= VERDICT_MS_MAX; tries += 1) {
    const begin = performance.now();
    checkCompressed(bytes, 0, bytes.length, limits);
    fastest = Math.min(fastest, performance.now() - begin);
  }
  return fastest;
}

function hex(...digits: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(digits.join(''), 'hex'));
}

/** A frame that decodes to exactly `ratio` times its own length, rounded down. */
function frameOfRatio(ratio: number, more = 0): Uint8Array {
  const rawBytes = 20_000;
  const total = 10 + 3 + rawBytes + 2 * 4;
  const contentBytes = Math.floor(total * ratio) + more;
  const made = frame(
    { window, contentBytes },
    raw(rawBytes),
    rle(BLOCK_BYTES),
    rle(contentBytes - rawBytes - BLOCK_BYTES, true),
  );
  if (made.length !== total) throw new Error(`a frame of ${made.length} bytes instead of ${total}`);
  return made;
}

void t.test('frames of the profile are accepted with their content size', (t) => {
  const accepted: readonly (readonly [string, Uint8Array, number])[] = [
    ['three raw bytes, written by hand', hex('28b52ffd', '20', '03', '190000', '616263'), 3],
    ['an RLE block, size field of 2 bytes that holds 1, written by hand', hex('28b52ffd', '60', '0100', '0b0800', '00'), 257],
    ['nothing at all', frame({ contentBytes: 0, sizeBytes: 1 }, raw(0, true)), 0],
    ['255 bytes, size in 1', frame({ contentBytes: 255, sizeBytes: 1 }, raw(255, true)), 255],
    ['256 bytes, size in 2', frame({ contentBytes: 256, sizeBytes: 2 }, raw(256, true)), 256],
    ['65,791 bytes, size in 2', frame({ contentBytes: 65_791, sizeBytes: 2 }, raw(65_791, true)), 65_791],
    ['size in 4', frame({ contentBytes: 7 }, rle(7, true)), 7],
    ['size in 8', frame({ contentBytes: 7, sizeBytes: 8 }, rle(7, true)), 7],
    ['a window of 1 MiB', frame({ window, contentBytes: 9, sizeBytes: 8 }, raw(9, true)), 9],
    ['an empty last block', frame({ contentBytes: 5, sizeBytes: 1 }, raw(5), raw(0, true)), 5],
    ['a block of 128 KiB', frame({ contentBytes: BLOCK_BYTES }, raw(BLOCK_BYTES, true)), BLOCK_BYTES],
    ['a checksum', frame({ contentBytes: 5, sizeBytes: 1, bits: CHECKSUM }, raw(5, true), hex('01020304')), 5],
    ['the unused bit of the descriptor', frame({ contentBytes: 5, sizeBytes: 1, bits: 16 }, raw(5, true)), 5],
    ['64 blocks', frame({ contentBytes: 64 }, repeat(63, raw(1)), raw(1, true)), 64],
    ['what compressed blocks can just reach', frame({ window, contentBytes: 5 + BLOCK_BYTES }, raw(5), compressed(20_000, true)), 5 + BLOCK_BYTES],
    ['64 KiB at a ratio of 3,855', frame({ window, contentBytes: 65_536 }, rle(65_536, true)), 65_536],
    ['ratio 9.9', frameOfRatio(9.9), 198_207],
    ['ratio 10', frameOfRatio(10), 200_210],
  ];
  for (const [name, bytes, size] of accepted) t.equal(check(bytes), size, name);
  t.end();
});

void t.test('what is too large is refused by its reason, and at once', (t) => {
  const eightMiB = COMP_DECOMPRESSED_BYTES_MAX;
  const refused: readonly (readonly [string, Uint8Array, string])[] = [
    ['a window of 1.875 GiB in 10 bytes', hex('28b52ffd', '00', 'a7', '010000', '00'), 'comp_window'],
    ['the next window above 1 MiB', frame({ window: window + 1, contentBytes: 9 }, raw(9, true)), 'comp_window'],
    ['a window of 3.75 TiB', frame({ window: 255, contentBytes: 9 }, raw(9, true)), 'comp_window'],
    ['a window of 4 GiB, which is 0 in 32 bits', frame({ window: 22 << 3, contentBytes: 9 }, raw(9, true)), 'comp_window'],
    ['a single segment of 1 MiB and a byte', frame({ contentBytes: 1_048_577 }, raw(9, true)), 'comp_window'],
    ['2 GiB of content in 13 bytes', hex('28b52ffd', 'e0', '0000008000000000'), 'comp_output'],
    ['2 GiB of content with a window, in 13 bytes', hex('28b52ffd', '80', '50', '00000080', '010000'), 'comp_output'],
    ['4 GiB and 5 bytes, which is 5 in 32 bits', frame({ window, contentBytes: 4_294_967_301n, sizeBytes: 8 }, raw(5, true)), 'comp_output'],
    ['2^64 - 1 bytes', frame({ window, contentBytes: 2n ** 64n - 1n, sizeBytes: 8 }, raw(5, true)), 'comp_output'],
    ['a byte above 8 MiB', frame({ window, contentBytes: eightMiB + 1 }, repeat(64, rle(BLOCK_BYTES))), 'comp_output'],
    ['RLE blocks, 32,768 to 1', frame({ window, contentBytes: eightMiB }, repeat(63, rle(BLOCK_BYTES)), rle(BLOCK_BYTES, true)), 'comp_ratio'],
    ['RLE blocks behind a small content size', frame({ window, contentBytes: 100 }, repeat(64, rle(BLOCK_BYTES))), 'comp_ratio'],
    ['one RLE block behind a small content size', frame({ window, contentBytes: 100 }, rle(BLOCK_BYTES, true)), 'comp_ratio'],
    ['a byte above 64 KiB', frame({ window, contentBytes: 65_537 }, rle(65_537, true)), 'comp_ratio'],
    ['ratio 10.1', frameOfRatio(10.1), 'comp_ratio'],
    ['ratio 10 and a byte', frameOfRatio(10, 1), 'comp_ratio'],
    ['65 blocks', frame({ contentBytes: 65 }, repeat(64, raw(1)), raw(1, true)), 'comp_blocks'],
    ['262,144 blocks of a byte', frame({ contentBytes: 262_144 }, repeat(262_143, raw(1)), raw(1, true)), 'comp_blocks'],
    ['349,525 empty blocks', frame({ contentBytes: 0 }, repeat(349_525, raw(0))), 'comp_blocks'],
    ['349,525 blocks that repeat a byte never', frame({ contentBytes: 0 }, repeat(349_525, rle(0))), 'comp_blocks'],
    ['one empty block that is not the last', frame({ contentBytes: 5 }, raw(0), raw(5, true)), 'comp_blocks'],
  ];
  for (const [name, bytes, reason] of refused) {
    t.equal(check(bytes), reason, name);
    t.ok(verdictMs(bytes) < VERDICT_MS_MAX, `${name}: refused within ${VERDICT_MS_MAX} ms`);
  }
  t.end();
});

void t.test('what is no frame of the profile is malformed', (t) => {
  const good = frame({ contentBytes: 5, sizeBytes: 1 }, raw(5, true));
  const skippable = hex('502a4d18', '00000000');
  const malformed: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', new Uint8Array(0)],
    ['another magic number', hex('28b52ffe', '20', '00', '010000')],
    ['the magic number backwards', hex('fd2fb528', '20', '00', '010000')],
    ['a skippable frame', skippable],
    ['131,072 skippable frames', repeat(131_072, skippable)],
    ['a skippable frame before', join(skippable, good)],
    ['a skippable frame behind', join(good, skippable)],
    ['two frames', join(good, good)],
    ['100,000 empty frames', repeat(100_000, frame({ contentBytes: 0, sizeBytes: 1 }, raw(0, true)))],
    ['a byte behind', join(good, Uint8Array.of(0))],
    ['the reserved bit', frame({ contentBytes: 5, bits: 8 }, raw(5, true))],
    ['a dictionary id of 1 byte', hex('28b52ffd', '21', '07', '03', '190000', '616263')],
    ['a dictionary id of 2 bytes', frame({ contentBytes: 5, bits: 2 }, raw(5, true))],
    ['a dictionary id of 4 bytes', frame({ contentBytes: 5, bits: 3 }, raw(5, true))],
    ['no content size', frame({ window }, raw(5, true))],
    ['a checksum of 3 bytes', frame({ contentBytes: 5, bits: CHECKSUM }, raw(5, true), hex('010203'))],
    ['a checksum without its bit', frame({ contentBytes: 5 }, raw(5, true), hex('01020304'))],
    ['a checksum bit without blocks', frame({ contentBytes: 0, bits: CHECKSUM })],
    ['a block of the reserved type', frame({ contentBytes: 5 }, block(BlockType.RESERVED, 5, true, [1, 2, 3, 4, 5]))],
    ['a block of 128 KiB and a byte', frame({ window, contentBytes: 131_073 }, raw(131_073, true))],
    ['an RLE block of 2 MiB - 1', frame({ window, contentBytes: 65_536 }, rle(2_097_151, true))],
    ['a block larger than its window of 1 KiB', frame({ window: 0, contentBytes: 1_025 }, raw(1_025, true))],
    ['a compressed block of 1 byte', frame({ contentBytes: 5 }, compressed(1, true))],
    ['an empty compressed block', frame({ contentBytes: 5 }, compressed(0, true))],
    ['less content than it says', frame({ contentBytes: 6 }, raw(5, true))],
    ['more content than it says', frame({ contentBytes: 200 }, raw(150), raw(51, true))],
    ['less content than it says, whatever its block holds', frame({ window, contentBytes: 6 + BLOCK_BYTES }, raw(5), compressed(20_000, true))],
    ['an empty block of the reserved type', frame({ contentBytes: 0 }, block(BlockType.RESERVED, 0, true))],
    ['two of the three bytes of an empty block', frame({ contentBytes: 5 }, raw(0).subarray(0, 2))],
    ['a raw block that is cut, however much it repeats', frame({ window, contentBytes: 100 }, rle(65_000), raw(60_000).subarray(0, 100))],
    ['no last block', frame({ contentBytes: 5 }, raw(5))],
    ['no block', frame({ contentBytes: 0 })],
  ];
  for (const [name, bytes] of malformed) {
    t.equal(check(bytes), 'comp_malformed', name);
    t.ok(verdictMs(bytes) < VERDICT_MS_MAX, `${name}: refused within ${VERDICT_MS_MAX} ms`);
  }
  t.end();
});

void t.test('a frame that is cut anywhere is malformed', (t) => {
  const frames = [
    frame({ contentBytes: 5, sizeBytes: 1 }, raw(5, true)),
    frame({ window, contentBytes: 300, sizeBytes: 8, bits: CHECKSUM }, raw(100), rle(150), compressed(40, true), hex('01020304')),
  ];
  const huge = frame({ window, contentBytes: 2n ** 63n, sizeBytes: 8 });
  t.equal(check(huge), 'comp_output', 'a whole header is judged');
  for (let length = 0; length < huge.length; length += 1) {
    const verdict = checkCompressed(huge, 0, length, limits);
    t.match(verdict, { reason: 'comp_malformed' }, `${length} bytes of it are not`);
  }
  if (noZstd === false) frames.push(zstd(prose(3_000), '-3'), zstd(prose(3_000), '-3', '--no-check'));
  for (const whole of frames) {
    t.type(check(whole), 'number', 'the whole frame is accepted');
    for (let length = 0; length < whole.length; length += 1) {
      // A view of the cut in a larger buffer: reading on behind the end must not help.
      const verdict = checkCompressed(whole, 0, length, limits);
      if (typeof verdict !== 'number' && verdict.reason === 'comp_malformed') continue;
      t.fail(`${length} of ${whole.length} bytes`, { verdict });
    }
  }
  t.end();
});

void t.test('a frame in the middle of a buffer is judged alone', (t) => {
  const good = frame({ contentBytes: 5, sizeBytes: 1 }, raw(5, true));
  const buffer = join(good, good, good);
  const verdict = checkCompressed(buffer, good.length, 2 * good.length, limits);
  t.equal(verdict, 5);
  t.throws(() => checkCompressed(buffer, 5, buffer.length + 1, limits), RangeError, 'an end outside');
  t.throws(() => checkCompressed(buffer, 5, 4, limits), RangeError, 'an end before the start');
  t.throws(() => checkCompressed(buffer, -1, 4, limits), RangeError, 'a start outside');
  t.end();
});

void t.test('the limits are those of the caller', (t) => {
  const bytes = frame({ window: 2 << 3, contentBytes: 3_000 }, raw(1_000), rle(1_000), rle(1_000, true));
  const reasonAt = (less: Partial<CompressionLimits>): unknown => {
    const verdict = checkCompressed(bytes, 0, bytes.length, { ...limits, ...less });
    return typeof verdict === 'number' ? verdict : verdict.reason;
  };
  t.equal(reasonAt({ windowBytesMax: 4_096 }), 3_000);
  t.equal(reasonAt({ windowBytesMax: 4_095 }), 'comp_window');
  t.equal(reasonAt({ outputBytesMax: 3_000 }), 3_000);
  t.equal(reasonAt({ outputBytesMax: 2_999 }), 'comp_output');
  t.equal(reasonAt({ ratioMax: 3, ratioFloorBytes: 0 }), 3_000);
  t.equal(reasonAt({ ratioMax: 2, ratioFloorBytes: 2_999 }), 'comp_ratio');
  t.equal(reasonAt({ blocksMax: 3 }), 3_000);
  t.equal(reasonAt({ blocksMax: 2 }), 'comp_blocks');

  const liar = frame({ window, contentBytes: 100 }, rle(2_000), rle(1_001, true));
  const verdict = checkCompressed(liar, 0, liar.length, { ...limits, outputBytesMax: 3_000 });
  t.match(verdict, { reason: 'comp_output' }, 'what the blocks add up to counts, whatever the header says');
  t.end();
});

void t.test('bombs of the zstd command', { skip: noZstd }, (t) => {
  const zeros = new Uint8Array(COMP_DECOMPRESSED_BYTES_MAX);
  const bombs: readonly (readonly [string, Uint8Array, string])[] = [
    ['--ultra -22 --long=31', zstd(prose(1_000), '--ultra', '-22', '--long=31', '--no-content-size'), 'comp_window'],
    ['8 MiB of zeros', zstd(zeros, '-3', '--zstd=wlog=20'), 'comp_ratio'],
    ['8 MiB and a byte of zeros', zstd(join(zeros, hex('00')), '-3', '--zstd=wlog=20'), 'comp_output'],
    ['2 MiB in one segment', zstd(prose(2_097_152), '-3'), 'comp_window'],
    ['a stream of unknown size', zstd(prose(1_000), '-1', '--no-content-size', '--zstd=wlog=18'), 'comp_malformed'],
  ];
  for (const [name, bytes, reason] of bombs) {
    t.equal(check(bytes), reason, name);
    t.ok(verdictMs(bytes) < VERDICT_MS_MAX, `${name}: refused within ${VERDICT_MS_MAX} ms`);
  }
  t.end();
});

void t.test('what the zstd command writes at any level is accepted within the ratio', { skip: noZstd }, (t) => {
  const levels = ['--fast=5', '-1', '-3', '-9', '-15', '-19'];
  const content = fc.oneof(
    fc.record({ bytes: fc.integer({ min: 0, max: 200_000 }), seed: fc.nat() }).map(({ bytes, seed }) => prose(bytes, seed)),
    fc.uint8Array({ maxLength: 3_000, size: 'max' }),
    fc.record({ bytes: fc.nat({ max: 300_000 }), byte: fc.nat({ max: 255 }) }).map(({ bytes, byte }) => new Uint8Array(bytes).fill(byte)),
  );
  fc.assert(
    fc.property(content, fc.constantFrom(...levels), fc.boolean(), (bytes, level, hasChecksum) => {
      const made = zstd(bytes, level, hasChecksum ? '--check' : '--no-check');
      const isTooDense = bytes.length > Math.max(COMP_RATIO_MAX * made.length, COMP_RATIO_FLOOR_BYTES);
      return check(made) === (isTooDense ? 'comp_ratio' : bytes.length);
    }),
    { numRuns: 60 },
  );
  t.end();
});

void t.test('damaged frames get a verdict, quickly and without an exception', (t) => {
  const reasons = new Set<unknown>(['comp_window', 'comp_output', 'comp_ratio', 'comp_blocks', 'comp_malformed']);
  const originals = [
    frame({ contentBytes: 64 }, repeat(63, raw(1)), raw(1, true)),
    frame({ window, contentBytes: 300, sizeBytes: 8, bits: CHECKSUM }, raw(100), rle(150), compressed(40, true), hex('01020304')),
    frame({ contentBytes: 262_144 }, repeat(262_143, raw(1)), raw(1, true)),
  ];
  if (noZstd === false) originals.push(zstd(prose(5_000), '-3'), zstd(prose(300_000), '-9', '--no-check'));
  // Headers are at the front, and this is where a changed byte changes the verdict.
  const change = fc.record({ at: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: FRAME_BYTES_MAX })), byte: fc.nat({ max: 255 }) });
  const seen = new Set<unknown>();
  fc.assert(
    fc.property(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 6 }), (original, changes) => {
      const bytes = original.slice();
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      const verdict = check(bytes);
      seen.add(typeof verdict);
      seen.add(verdict);
      const isLegal = typeof verdict === 'number' ? verdict >= 0 && verdict <= COMP_DECOMPRESSED_BYTES_MAX : reasons.has(verdict);
      return isLegal && verdictMs(bytes) < VERDICT_MS_MAX;
    }),
    { numRuns: 3_000 },
  );
  for (const reason of reasons) t.ok(seen.has(reason), `the damage led to ${String(reason)}`);
  t.ok(seen.has('number'), 'some damage is not visible from outside the blocks');
  t.end();
});
