import { decodeFrame, encodeFrame, FrameDecoder, HEADER_BYTES } from '@omnigate/kernel/wire';
import { Random, seedOf } from '../engine/random.ts';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { vectorBytes, words } from '../vectors.ts';

/** Small enough that inputs reach it from both sides. */
const FRAME_BYTES_MAX = 8_192;
/** An input this short is also fed byte by byte. */
const DRIPPED_BYTES_MAX = 400;

interface Limits {
  readonly PARTIAL_FRAME_BYTES_INITIAL: number;
}

/** What came out of a decoder: frames as text, and why it stopped. */
interface Decoded {
  readonly frames: readonly string[];
  readonly reject: string | undefined;
  /** Bytes of the frame that is not complete. */
  readonly rest: number;
}

/**
 * The frame decoder. However a byte stream is cut into chunks, with or without
 * `detach()`, the frames and the verdict are those of `decodeFrame` on the whole;
 * a frame that was taken encodes to its bytes; memory follows the bytes that came.
 */
export async function openDecoder(): Promise<Target> {
  const { PARTIAL_FRAME_BYTES_INITIAL } = await loadInternal<Limits>('kernel', 'limits');
  return {
    name: 'decoder',
    covers: [modulesOf('kernel', 'wire/')],
    seeds: [...vectorBytes('frames', 'wire'), ...vectorBytes('decode', 'wire'), ...vectorBytes('conversations', 'send')],
    dictionary: words([0, 0, 0, 38], [0, 0, 0, 39], [0, 1], [0, 8], [0, 0x19], [0x10, 0], [0x10, 1], [0, 0, 0x20, 0], [0, 0, 0x20, 1], [0x16, 3, 1], 'GET / HTTP/1.1\r\n'),
    mend: mendLengths,
    run(input) {
      const whole = byReference(input);
      const random = new Random(seedOf(input));
      const cuts = Array.from({ length: 1 + random.below(8) }, () => random.below(input.length + 1)).sort((a, b) => a - b);
      same(whole, decode(input, [], false), 'in one piece');
      same(whole, decode(input, cuts, false), `cut at ${cuts.join(', ')}`);
      same(whole, decode(input, cuts, true), `cut at ${cuts.join(', ')} and detached`);
      if (input.length <= DRIPPED_BYTES_MAX) same(whole, decode(input, [...input.keys()], false), 'byte by byte');
      return whole.frames.length > 0;
    },
  };

  /** Feeds the pieces between the cuts. */
  function decode(input: Uint8Array, cuts: readonly number[], detaches: boolean): Decoded {
    const decoder = new FrameDecoder(FRAME_BYTES_MAX);
    const frames: string[] = [];
    let from = 0;
    for (const to of [...cuts, input.length]) {
      // The memory of a chunk is used again, as that of a connection is.
      const chunk = input.slice(from, to);
      from = to;
      decoder.feed(chunk);
      for (let nth = 0; decoder.next(); nth++) {
        frames.push(frameText(decoder));
        if (detaches && nth % 2 === 0) {
          decoder.detach();
          chunk.fill(0xee);
        }
      }
      chunk.fill(0xee);
      const { partialBytes, partialCapacity } = decoder;
      const roomMax = Math.max(HEADER_BYTES, PARTIAL_FRAME_BYTES_INITIAL, 2 * partialBytes);
      expect(partialCapacity <= roomMax, 'memory', () => `${partialCapacity} bytes are kept for ${partialBytes} that came`);
    }
    return { frames, reject: decoder.reject?.reason, rest: decoder.partialBytes };
  }
}

/** The same by `decodeFrame`, frame for frame. */
function byReference(input: Uint8Array): Decoded {
  const frames: string[] = [];
  let rest = input;
  for (;;) {
    const result = decodeFrame(rest, FRAME_BYTES_MAX);
    if (result.verdict === 'err') return { frames, reject: result.reject.reason, rest: 0 };
    if (result.verdict === 'need') return { frames, reject: undefined, rest: rest.length };
    const bytes = rest.subarray(0, result.bytes);
    const again = encodeFrame(result.frame);
    expect(Buffer.compare(again, bytes) === 0, 'round-trip', () => `a frame of ${bytes.length} bytes encodes to other bytes`);
    frames.push(textOf(bytes, HEADER_BYTES, HEADER_BYTES + result.frame.capability.length));
    rest = rest.subarray(result.bytes);
  }
}

function frameText({ buffer, capStart, payloadStart, payloadEnd }: FrameDecoder): string {
  const frameStart = capStart - HEADER_BYTES;
  return textOf(buffer.subarray(frameStart, payloadEnd), capStart - frameStart, payloadStart - frameStart);
}

function textOf(frame: Uint8Array, capStart: number, payloadStart: number): string {
  return `${capStart} ${payloadStart} ${Buffer.from(frame).toString('latin1')}`;
}

function same(whole: Decoded, other: Decoded, how: string): void {
  expect(other.reject === whole.reject, 'split', () => `${how}: ${String(other.reject)} instead of ${String(whole.reject)}`);
  expect(other.frames.length === whole.frames.length, 'split', () => `${how}: ${other.frames.length} frames instead of ${whole.frames.length}`);
  expect(other.frames.every((frame, nth) => frame === whole.frames[nth]), 'split', () => `${how}: another frame`);
  expect(other.rest === whole.rest, 'split', () => `${how}: ${other.rest} bytes are left instead of ${whole.rest}`);
}

/** Makes the lengths of the frames those of the bytes, as far as they go. */
function mendLengths(input: Uint8Array, random: Random): Uint8Array {
  const bytes = new Uint8Array(input);
  const view = new DataView(bytes.buffer);
  let at = 0;
  while (bytes.length - at >= HEADER_BYTES) {
    const left = bytes.length - at;
    const length = random.oneIn(2) ? left : Math.min(left, HEADER_BYTES + random.below(64));
    view.setUint32(at, length);
    view.setUint16(at + 4, 1);
    view.setUint16(at + 6, view.getUint16(at + 6) & 0xff);
    const hasCapability = (view.getUint16(at + 6) & 8) !== 0 && random.oneIn(2);
    view.setUint16(at + 28, hasCapability ? random.below(length - HEADER_BYTES + 1) : 0);
    at += length;
  }
  return bytes;
}
