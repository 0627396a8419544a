import * as zlib from 'node:zlib';
import type { PayloadCodec } from '@omnigate/kernel';
import { checkCompressed, COMPRESSION_LIMITS, OapError } from '@omnigate/kernel/wire';
import fc from 'fast-check';
import t from 'tap';
import type { Test } from 'tap';
import { createZstdCodec } from '../src/zstd-codec.ts';
import { frameOfSequences, noZstd, prose, zstd, zstdFrame } from './zstd-frames.ts';

/** A refusal has to be faster than this, whatever the frame makes the decoder believe. */
const REFUSAL_MS_MAX = 5;

interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface WasmApi {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
  readonly Memory: new () => WasmMemory;
}

/** The memory of the WASM that a function loads, which its package keeps to itself. */
async function wasmMemoryOf(load: () => Promise<unknown>): Promise<WasmMemory> {
  const api = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
  const instantiate = api.instantiate.bind(api);
  let memory: WasmMemory | undefined;
  api.instantiate = async (bytes, imports) => {
    const made = await instantiate(bytes, imports);
    memory = Object.values(made.instance.exports).find((item) => item instanceof api.Memory);
    return made;
  };
  await load();
  api.instantiate = instantiate;
  if (memory === undefined) throw new Error('no WASM was loaded');
  return memory;
}

// First of all: the WASM is loaded once in a process.
const memory = await wasmMemoryOf(() => createZstdCodec());

function guarded(frame: Uint8Array): number | string {
  const verdict = checkCompressed(frame, 0, frame.length, COMPRESSION_LIMITS);
  return typeof verdict === 'number' ? verdict : verdict.reason;
}

/** The content of a frame that passed the guard, or the reason of the codec's refusal. */
function decode(codec: PayloadCodec, frame: Uint8Array): Uint8Array | string {
  const contentBytes = guarded(frame);
  if (typeof contentBytes === 'string') return `guard: ${contentBytes}`;
  try {
    return codec.decompress(frame, contentBytes);
  } catch (error) {
    if (error instanceof OapError) return error.reason;
    throw error;
  }
}

/** The first refusal in time, else the fastest of ten: a pause of the machine is not what is measured. */
function refusalMs(codec: PayloadCodec, frame: Uint8Array): number {
  let fastest = Infinity;
  for (let tries = 0; tries < 10 && fastest >= REFUSAL_MS_MAX; tries += 1) {
    const begin = performance.now();
    decode(codec, frame);
    fastest = Math.min(fastest, performance.now() - begin);
  }
  return fastest;
}

function changed(bytes: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = byte;
  return copy;
}

const isSame = (a: unknown, b: Uint8Array): boolean => a instanceof Uint8Array && Buffer.compare(a, b) === 0;
const incompressible = (bytes: number): Uint8Array => {
  let state = 1;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
};

/** Frames the guard lets through and no decoder may: what they are, and their bytes. */
function badFrames(): readonly (readonly [string, Uint8Array])[] {
  return [
    ['32,000 matches of 131,074 bytes in 64 KB', frameOfSequences(65_536, { count: 32_000, offsetCode: 0, matchCode: 52, extraBytes: 2 })],
    ['a match that begins before the frame', frameOfSequences(20, { count: 1, offsetCode: 8, matchCode: 4, extraBytes: 1 })],
    ['a content size above what decodes', frameOfSequences(21, { count: 1, offsetCode: 0, matchCode: 4, extraBytes: 0 })],
    ['a content size below what decodes', frameOfSequences(15, { count: 1, offsetCode: 0, matchCode: 4, extraBytes: 0 })],
    // Literals whose Huffman weights come from a table that never consumes a bit.
    ['an endless Huffman tree', new Uint8Array(Buffer.from('28b52ffd8050000001006d000042400205f003ffffff01010100', 'hex'))],
  ];
}

/** What the codec has to stand, whichever zstd compresses. */
async function suite(t: Test, codec: PayloadCodec): Promise<void> {
  await t.test('what it compresses comes back', (t) => {
    const payload = fc.oneof(
      fc.record({ bytes: fc.nat({ max: 200_000 }), seed: fc.nat() }).map(({ bytes, seed }) => prose(bytes, seed)),
      fc.uint8Array({ maxLength: 4_000, size: 'max' }),
      fc.record({ bytes: fc.nat({ max: 20_000 }), noise: fc.nat({ max: 20_000 }) }).map(({ bytes, noise }) =>
        new Uint8Array(Buffer.concat([Buffer.alloc(bytes), incompressible(noise)])),
      ),
    );
    let compressed = 0;
    fc.assert(
      fc.property(payload, (bytes) => {
        const frame = codec.compress(bytes);
        if (frame === undefined) return true;
        compressed += 1;
        const isWorthIt = frame.length <= bytes.length * 0.9 && bytes.length <= frame.length * COMPRESSION_LIMITS.ratioMax;
        return isWorthIt && guarded(frame) === bytes.length && isSame(decode(codec, frame), bytes);
      }),
      { numRuns: 300 },
    );
    t.ok(compressed > 50, `${compressed} of 300 payloads were worth compressing`);
    t.end();
  });

  await t.test('it compresses only where it helps and is allowed', (t) => {
    t.equal(codec.compress(new Uint8Array(0)), undefined, 'nothing');
    t.equal(codec.compress(incompressible(10_000)), undefined, 'noise');
    t.equal(codec.compress(new Uint8Array(Buffer.concat([Buffer.alloc(900), incompressible(10_000)]))), undefined, '8 % less');
    t.ok(codec.compress(new Uint8Array(Buffer.concat([Buffer.alloc(1_500), incompressible(10_000)]))), '12 % less');
    t.equal(codec.compress(new Uint8Array(10_000)), undefined, 'a ratio above 10');
    const large = prose(3_000_000);
    const frame = codec.compress(large);
    t.ok(frame, '3 MB of text');
    t.ok(frame !== undefined && isSame(decode(codec, frame), large), 'and it comes back');
    t.end();
  });

  await t.test('frames that lie about their blocks are refused at once', (t) => {
    const honest = frameOfSequences(16, { count: 1, offsetCode: 0, matchCode: 4, extraBytes: 0 });
    t.type(decode(codec, honest), Uint8Array, 'the frame they are made from decodes');
    t.equal(codec.decompress(honest, 16).length, 16);
    t.throws(() => codec.decompress(honest, 17), OapError, 'a caller that expects another size');
    for (const [what, frame] of badFrames()) {
      t.type(guarded(frame), 'number', `${what}: the guard cannot see it`);
      t.equal(decode(codec, frame), 'comp_malformed', what);
      t.ok(refusalMs(codec, frame) < REFUSAL_MS_MAX, `${what}: refused within ${REFUSAL_MS_MAX} ms`);
    }
    t.end();
  });

  await t.test('thousands of bad frames later it is as before', (t) => {
    const content = prose(60_000);
    const good = codec.compress(content);
    if (good === undefined) throw new Error('text does not compress');
    const bad = [...badFrames().map(([, frame]) => frame), changed(good, good.length - 9, 0xff), changed(good, 200, 0xff)];
    const refuseMany = (times: number): number => {
      let refused = 0;
      for (let n = 0; n < times; n += 1) {
        if (decode(codec, bad[n % bad.length] ?? good) === 'comp_malformed') refused += 1;
      }
      return refused;
    };
    refuseMany(100);
    const before = memory.buffer.byteLength;
    t.ok(refuseMany(3_000) > 2_000, 'most of them are refused');
    t.equal(memory.buffer.byteLength, before, 'the memory of libzstd has not grown');
    t.ok(isSame(decode(codec, good), content), 'a good frame decodes');
    t.end();
  });

  await t.test('the zstd command and it agree', { skip: noZstd }, (t) => {
    for (const level of ['--fast=5', '-1', '-3', '-9', '-15', '-19']) {
      for (const bytes of [0, 1, 300, 5_000, 150_000]) {
        const content = prose(bytes, bytes + 1);
        const frame = zstdFrame(content, level, '--check');
        t.ok(isSame(decode(codec, frame), content), `${bytes} bytes at ${level}`);
        t.equal(decode(codec, changed(frame, frame.length - 1, (frame.at(-1) ?? 0) ^ 1)), 'comp_malformed', 'a bad checksum');
      }
    }
    const ours = codec.compress(prose(100_000));
    t.ok(ours !== undefined && isSame(zstd(ours, '-d'), prose(100_000)), 'the command reads what it writes');
    t.end();
  });

  await t.test('a damaged frame decodes to its size or is malformed, nothing else', (t) => {
    const originals = [prose(700), prose(5_000, 2), prose(90_000, 3)].map((content) => codec.compress(content) ?? content);
    const change = fc.record({ at: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 100_000 })), byte: fc.nat({ max: 255 }) });
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...originals), fc.array(change, { minLength: 1, maxLength: 4 }), (original, changes) => {
        const bytes = Uint8Array.from(original);
        for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
        const content = decode(codec, bytes);
        if (content === 'comp_malformed') refused += 1;
        return typeof content === 'string' || content.length === guarded(bytes);
      }),
      { numRuns: 2_000 },
    );
    t.ok(refused > 200, `the decoder refused ${refused} of 2,000`);
    t.end();
  });
}

const noZlib = 'zstdCompressSync' in zlib ? false : `NOT RUN: Node ${process.versions.node} has no zstd in node:zlib`;

await t.test('compressing as WASM', async (t) => suite(t, await createZstdCodec({ useZlib: false })));
await t.test('compressing with node:zlib', { skip: noZlib }, async (t) => suite(t, await createZstdCodec()));

await t.test('a second codec leaves the first one in order', async (t) => {
  const content = prose(5_000);
  const first = await createZstdCodec({ useZlib: false });
  const frame = first.compress(content);
  if (frame === undefined) throw new Error('text does not compress');
  const second = await createZstdCodec({ useZlib: false });
  for (const codec of [first, second, first]) t.ok(isSame(decode(codec, frame), content));
});
