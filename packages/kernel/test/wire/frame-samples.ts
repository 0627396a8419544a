import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { CAPABILITY_BYTES_MAX } from '../../src/limits.ts';
import type { FrameDecoder } from '../../src/wire/decoder.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { Flag } from '../../src/wire/header.ts';
import { corrToText, tenantToHex } from '../../src/wire/identifiers.ts';

/** Frames, chunks and seeds that the codec's tests share. */

/** A frame as plain values, which outlive the memory it came in. */
export interface Seen {
  readonly flags: number;
  readonly code: number;
  readonly app: number;
  readonly tenant: string;
  readonly corr: string;
  readonly capability: string;
  readonly payload: string;
}

/** All that a decoder made of some bytes. */
export interface Reading {
  readonly frames: readonly Seen[];
  readonly reason: string | undefined;
  readonly partialBytes: number;
  readonly partialLength: number;
}

/** Bytes of hexadecimal digits; blanks may stand anywhere. */
export function bytesOf(...digits: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(digits.join('').replaceAll(' ', ''), 'hex'));
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** What the decoder's current frame says. */
export function seenIn(decoder: FrameDecoder): Seen {
  const { header, buffer, capStart, payloadStart, payloadEnd } = decoder;
  return {
    flags: header.flags,
    code: header.code,
    app: header.app,
    tenant: tenantToHex(header),
    corr: corrToText(header.corrHi, header.corrLo),
    capability: hexOf(buffer.subarray(capStart, payloadStart)),
    payload: hexOf(buffer.subarray(payloadStart, payloadEnd)),
  };
}

/** What the decoder should see of a frame. */
export function seenOf(frame: Frame): Seen {
  return {
    flags: frame.flags,
    code: frame.code,
    app: frame.app,
    tenant: frame.tenant,
    corr: frame.corrId.toString(),
    capability: hexOf(frame.capability),
    payload: hexOf(frame.payload),
  };
}

/**
 * Gives the decoder each chunk in memory that is overwritten as soon as it may
 * be, so that whatever still points there shows it.
 */
export function readAll(decoder: FrameDecoder, chunks: Iterable<Uint8Array>): Reading {
  const frames: Seen[] = [];
  for (const chunk of chunks) {
    const lent = chunk.slice();
    decoder.feed(lent);
    while (decoder.next()) frames.push(seenIn(decoder));
    lent.fill(0xa5);
  }
  const { reject, partialBytes, partialLength } = decoder;
  return { frames, reason: reject?.reason, partialBytes, partialLength };
}

/** `bytes` cut at the given offsets, which need not be in order. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const ends = [...offsets.filter((offset) => offset < bytes.length), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** `bytes` in pieces of equal size. */
export function piecesOf(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** What a call costs: milliseconds of CPU, which a busy machine does not stretch, and growth of the heap. */
export function costOf<T>(call: () => T): { readonly result: T; readonly cpuMs: number; readonly heapBytes: number } {
  const { heapUsed } = process.memoryUsage();
  const begin = process.cpuUsage();
  const result = call();
  const { user, system } = process.cpuUsage(begin);
  return { result, cpuMs: (user + system) / 1_000, heapBytes: process.memoryUsage().heapUsed - heapUsed };
}

export const anyTenant = fc
  .oneof(fc.constantFrom(0n, 1n, 2n ** 127n, 2n ** 128n - 1n), fc.bigInt(0n, 2n ** 128n - 1n))
  .map((tenant) => tenant.toString(16).padStart(32, '0'));

export const anyCorrId = fc.oneof(
  fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt(0n, 2n ** 64n - 1n),
);

const someBytes = (longest: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.uint8Array({ maxLength: 80 }) },
    { weight: 1, arbitrary: fc.nat({ max: longest }).map((bytes) => new Uint8Array(bytes).fill(0x70)) },
  );

/** Every frame that a decoder takes, mostly short ones. */
export const anyFrame: fc.Arbitrary<Frame> = fc
  .record({
    flags: fc.nat({ max: 0xff }),
    code: fc.nat({ max: 0xffff }),
    app: fc.nat({ max: 0xffff }),
    tenant: anyTenant,
    corrId: anyCorrId,
    capability: someBytes(CAPABILITY_BYTES_MAX),
    payload: someBytes(40_000),
  })
  .map((frame) => ((frame.flags & Flag.START) === 0 ? { ...frame, capability: new Uint8Array(0) } : frame));

/** What `holds` needs of a tap test. */
interface Asserting {
  comment: (text: string) => void;
  ok: (value: unknown, message: string) => boolean;
}

/**
 * Asserts a property and says with which seed it was tried; OMNIGATE_TEST_SEED
 * repeats a run. The report of a failure adds the path to the counterexample.
 */
export function holds<T>(t: Asserting, property: fc.IRawProperty<T, false>, numRuns: number): void {
  const seed = Number(process.env.OMNIGATE_TEST_SEED ?? randomInt(2 ** 31));
  t.comment(`seed ${seed}`);
  const result = fc.check(property, { seed, numRuns });
  t.ok(!result.failed, fc.defaultReportMessage(result) ?? `holds in ${numRuns} runs`);
}
