import { createHeader, encodeFrame, Flag, FrameDecoder, FrameWriter, readHeader, WriteBufferPool } from '@omnigate/kernel/wire';
import type { FrameHeader } from '@omnigate/kernel/wire';

/** One way to do one thing to many frames. */
export interface CodecCase {
  /** What is done, and with what. */
  readonly subject: string;
  readonly measure: 'read header' | 'decode frame' | 'append frame';
  /** Frames of one pass. */
  readonly frames: number;
  /** One pass over all frames; the result depends on each, so that nothing can be optimised away. */
  pass(): number;
}

/** Names of the cases that others are held against. */
export const Subject = {
  HEADER: 'DataView, words (the codec)',
  HEADER_BUFFER: 'Buffer.readUInt32BE and the like',
  HEADER_BIGINT: 'DataView, tenant_id and corr_id as BigInt',
  DECODE: '64 B, 600 in a 64 KiB chunk',
  DECODE_CUT: '64 B, cut every 64 KiB',
  DECODE_CUT_SHORT: '64 B, cut every 1,448 B',
  APPEND: '64 B, range of the read buffer',
} as const;

const PAYLOAD_BYTES = 64;
const CHUNK_BYTES = 65_536;
const CHUNK_FRAMES = 600;
/** Chunks of the cut stream: the cut goes through every byte of a frame. */
const STREAM_CHUNKS = 51;
const REPLY = Flag.RESP | Flag.START | Flag.END;

const frame = encodeFrame({
  flags: Flag.REQ | Flag.START | Flag.END,
  app: 1,
  tenant: 'ffeeddccbbaa99887766554433221100',
  corrId: 0xfedcba9876543210n,
  payload: new Uint8Array(PAYLOAD_BYTES).fill(0x70),
});

/** `bytes` of whole frames one after the other; the last one may be cut. */
function streamOf(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes).fill(frame);
}

/** Every case, made afresh: decoders, buffers and all. */
export function codecCases(): CodecCase[] {
  const chunk = streamOf(CHUNK_BYTES).subarray(0, CHUNK_FRAMES * frame.length);
  return [...headerCases(chunk), ...decodeCases(chunk), ...appendCases(chunk)];
}

function headerCases(chunk: Buffer): CodecCase[] {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const words = createHeader();
  const buffered = createHeader();
  const big = { tenant: 0n, corr: 0n, rest: createHeader() };
  const each = (subject: string, pass: () => number): CodecCase => ({ subject, measure: 'read header', frames: CHUNK_FRAMES, pass });
  // Each loop is written out: a call through a shared one would cost as much as what is measured.
  return [
    each(Subject.HEADER, () => {
      let sum = 0;
      for (let at = 0; at < chunk.length; at += frame.length) {
        readHeader(view, at, words);
        sum = (sum + words.len + words.corrLo) | 0;
      }
      return sum;
    }),
    each(Subject.HEADER_BUFFER, () => {
      let sum = 0;
      for (let at = 0; at < chunk.length; at += frame.length) {
        readWithBuffer(chunk, at, buffered);
        sum = (sum + buffered.len + buffered.corrLo) | 0;
      }
      return sum;
    }),
    each(Subject.HEADER_BIGINT, () => {
      let sum = 0;
      for (let at = 0; at < chunk.length; at += frame.length) {
        readHeader(view, at, big.rest);
        big.tenant = (view.getBigUint64(at + 12) << 64n) | view.getBigUint64(at + 20);
        big.corr = view.getBigUint64(at + 30);
        sum = (sum + big.rest.len + (big.tenant === big.corr ? 1 : 0)) | 0;
      }
      return sum;
    }),
  ];
}

function readWithBuffer(bytes: Buffer, at: number, header: FrameHeader): void {
  header.len = bytes.readUInt32BE(at);
  header.ver = bytes.readUInt16BE(at + 4);
  header.flags = bytes.readUInt16BE(at + 6);
  header.code = bytes.readUInt16BE(at + 8);
  header.app = bytes.readUInt16BE(at + 10);
  header.tenant0 = bytes.readInt32BE(at + 12);
  header.tenant1 = bytes.readInt32BE(at + 16);
  header.tenant2 = bytes.readInt32BE(at + 20);
  header.tenant3 = bytes.readInt32BE(at + 24);
  header.capLen = bytes.readUInt16BE(at + 28);
  header.corrHi = bytes.readInt32BE(at + 30);
  header.corrLo = bytes.readInt32BE(at + 34);
}

function decodeCases(chunk: Buffer): CodecCase[] {
  const stream = streamOf(STREAM_CHUNKS * CHUNK_BYTES);
  const through = (subject: string, bytes: Buffer, pieceBytes: number): CodecCase => {
    const decoder = new FrameDecoder();
    const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes));
    const frames = bytes.length / frame.length;
    return {
      subject,
      measure: 'decode frame',
      frames,
      pass: () => {
        let count = 0;
        for (const piece of pieces) {
          decoder.feed(piece);
          while (decoder.next()) count += decoder.payloadEnd - decoder.payloadStart;
        }
        if (count !== frames * PAYLOAD_BYTES) throw new Error(`${subject}: ${count} payload bytes of ${frames} frames`);
        return count;
      },
    };
  };
  const short = stream.subarray(0, CHUNK_BYTES * frame.length / 2);
  return [
    through(Subject.DECODE, chunk, CHUNK_BYTES),
    through(Subject.DECODE_CUT, stream, CHUNK_BYTES),
    through('64 B, cut every 16 KiB', stream, 16_384),
    through(Subject.DECODE_CUT_SHORT, short, 1_448),
    through('64 B, each cut in two', chunk, frame.length / 2),
  ];
}

function appendCases(chunk: Buffer): CodecCase[] {
  const to = createHeader();
  const writer = new FrameWriter(new WriteBufferPool());
  const each = (subject: string, frames: number, payload: Uint8Array, start: number, end: number, keep: boolean): CodecCase => ({
    subject,
    measure: 'append frame',
    frames,
    pass: () => {
      for (let i = 0; i < frames; i++) writer.append(to, REPLY, 200, payload, start, end, keep);
      const segments = writer.take().length;
      writer.recycle();
      return segments;
    },
  });
  const whole = (subject: string, bytes: number, frames: number, keep: boolean): CodecCase =>
    each(subject, frames, new Uint8Array(bytes), 0, bytes, keep);
  return [
    each(Subject.APPEND, CHUNK_FRAMES, chunk, frame.length - PAYLOAD_BYTES, frame.length, false),
    whole('64 B', PAYLOAD_BYTES, CHUNK_FRAMES, true),
    whole('1 KiB', 1_024, CHUNK_FRAMES, true),
    whole('64 KiB, referenced', CHUNK_BYTES, 16, true),
    whole('64 KiB, copied', CHUNK_BYTES, 16, false),
    {
      subject: '64 B, encodeFrame',
      measure: 'append frame',
      frames: CHUNK_FRAMES,
      pass: () => {
        let bytes = 0;
        const payload = chunk.subarray(0, PAYLOAD_BYTES);
        for (let i = 0; i < CHUNK_FRAMES; i++) bytes += encodeFrame({ flags: REPLY, app: 1, code: 200, payload }).length;
        return bytes;
      },
    },
  ];
}
