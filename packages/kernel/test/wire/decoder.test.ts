import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import t from 'tap';
import { FRAME_BYTES_MAX, HEADER_BYTES, PARTIAL_FRAME_BYTES_INITIAL } from '../../src/limits.ts';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { Flag } from '../../src/wire/header.ts';
import { anyFrame, bytesOf, cutAt, holds, join, piecesOf, readAll, seenIn, seenOf } from './frame-samples.ts';
import type { Reading } from './frame-samples.ts';

const { REQ, RESP, EVENT, START, END, ACK_REQ, APP_E2E } = Flag;
const tenant = 'ffeeddccbbaa99887766554433221100';

function frame(fields: Partial<Frame> & Pick<Frame, 'flags'>): Frame {
  return { code: 0, app: 1, tenant, corrId: 7n, capability: new Uint8Array(0), payload: new Uint8Array(0), ...fields };
}

function text(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 31) & 0xff);
}

/** A HELLO with a capability, requests of one frame and of several, replies, control, and the smallest frame. */
const conversation: readonly Frame[] = [
  frame({ flags: REQ | START | END, app: 0, capability: text(100), payload: bytesOf('80') }),
  frame({ flags: REQ, app: 0, code: 1, corrId: 2n ** 64n - 1n }),
  frame({ flags: REQ | START | END, corrId: 0n, payload: text(64) }),
  frame({ flags: REQ | START, corrId: 2n ** 53n + 1n, capability: text(3), payload: text(700) }),
  frame({ flags: REQ, corrId: 2n ** 53n + 1n }),
  frame({ flags: EVENT | START | END, app: 0, code: 4, payload: bytesOf('00100000') }),
  frame({ flags: REQ | ACK_REQ | END, corrId: 2n ** 53n + 1n, payload: text(1_300) }),
  frame({ flags: RESP | START | END | APP_E2E, code: 507, app: 0xffff, tenant: 'f'.repeat(32), payload: text(5) }),
];
const conversationBytes = join(conversation.map((one) => encodeFrame(one)));
const wholeReading: Reading = { frames: conversation.map(seenOf), reason: undefined, partialBytes: 0, partialLength: 0 };

const echo = frame({ flags: REQ | START | END, capability: text(2), payload: text(9) });
const ping = frame({ flags: REQ, app: 0, code: 1 });

function read(chunks: Iterable<Uint8Array>, frameBytesMax?: number): Reading {
  return readAll(new FrameDecoder(frameBytesMax), chunks);
}

/** Readings that differ from the expected one, by what was tried. */
function differing(tries: Iterable<readonly [string, Iterable<Uint8Array>]>, expected: Reading): string[] {
  const wanted = JSON.stringify(expected);
  return [...tries].filter(([, chunks]) => JSON.stringify(read(chunks)) !== wanted).map(([name]) => name);
}

void t.test('a conversation split at every offset is the same conversation', (t) => {
  t.strictSame(read([conversationBytes]), wholeReading, 'in one piece');
  const splits = Array.from(conversationBytes, (_, at) => [`at ${at}`, cutAt(conversationBytes, [at])] as const);
  t.strictSame(differing(splits, wholeReading), [], `${splits.length} splits`);
  const sizes = Array.from({ length: 200 }, (_, i) => [`pieces of ${i + 1}`, piecesOf(conversationBytes, i + 1)] as const);
  t.strictSame(differing(sizes, wholeReading), [], `pieces of 1 to ${sizes.length} bytes`);
  t.end();
});

void t.test('a short conversation split at every two offsets is the same conversation', (t) => {
  const frames = [echo, ping, echo];
  const bytes = join(frames.map((one) => encodeFrame(one)));
  const splits = Array.from(bytes, (_, a) => Array.from(bytes.subarray(a), (_, i) => [`at ${a} and ${a + i}`, cutAt(bytes, [a, a + i])] as const)).flat();
  t.strictSame(differing(splits, { ...wholeReading, frames: frames.map(seenOf) }), [], `${splits.length} splits`);
  t.end();
});

void t.test('a conversation that stops at any byte has its whole frames, and goes on from there', (t) => {
  const ends: number[] = [];
  for (const one of conversation) ends.push((ends.at(-1) ?? 0) + encodeFrame(one).length);
  const wrong: string[] = [];
  for (let stop = 0; stop <= conversationBytes.length; stop++) {
    const decoder = new FrameDecoder();
    const whole = ends.filter((end) => end <= stop).length;
    const partialBytes = stop - (ends[whole - 1] ?? 0);
    const partialLength = partialBytes < HEADER_BYTES ? 0 : (ends[whole] ?? 0) - (ends[whole - 1] ?? 0);
    const before = readAll(decoder, [conversationBytes.subarray(0, stop)]);
    const expected = { ...wholeReading, frames: wholeReading.frames.slice(0, whole), partialBytes, partialLength };
    if (JSON.stringify(before) !== JSON.stringify(expected)) wrong.push(`before ${stop}`);
    const after = readAll(decoder, [conversationBytes.subarray(stop)]);
    if (JSON.stringify(after) !== JSON.stringify({ ...wholeReading, frames: wholeReading.frames.slice(whole) })) wrong.push(`after ${stop}`);
  }
  t.strictSame(wrong, []);
  t.end();
});

void t.test('a fault is refused on the byte that shows it, with nothing kept', (t) => {
  const good = encodeFrame(echo);
  const faults: readonly (readonly [string, number, Uint8Array])[] = [
    ['bad_length', 4, bytesOf('00000025')],
    ['bad_length', 4, bytesOf('00000000')],
    ['frame_too_large', 4, bytesOf('00100001')],
    ['frame_too_large', 4, bytesOf('ffffffff')],
    ['frame_too_large', 4, new TextEncoder().encode('GET / HTTP/1.1')],
    ['frame_too_large', 4, bytesOf('16030100f8010000f40303')],
    ['bad_version', 6, bytesOf('00000030 0000')],
    ['bad_version', 6, bytesOf('00000030 0002')],
    ['bad_version', 6, bytesOf('00000030 ffff')],
    ['bad_flags', 38, bytesOf('00000030 0001 0101')],
    ['bad_flags', 38, bytesOf('00000030 0001 8001')],
    ['cap_on_nonstart', 38, bytesOf('00000030 0001 0001', '00'.repeat(20), '0001')],
    ['cap_too_large', 38, bytesOf('00100000 0001 0009', '00'.repeat(20), '1001')],
    ['bad_cap_len', 38, bytesOf('00000030 0001 0009', '00'.repeat(20), '000b')],
  ];
  for (const [reason, shownAt, head] of faults) {
    const bad = join([head, new Uint8Array(100)]);
    const dripped = new FrameDecoder();
    for (const [i, byte] of [...good, ...bad].entries()) {
      const { reason: found, partialBytes } = readAll(dripped, [Uint8Array.of(byte)]);
      const at = i + 1 - good.length;
      if (found === undefined ? at >= shownAt || dripped.partialCapacity > good.length : at < shownAt || partialBytes !== 0 || dripped.partialCapacity !== 0) {
        t.fail(`${reason}: byte ${at} gave ${found}, ${partialBytes} bytes kept, ${dripped.partialCapacity} reserved`);
      }
    }
    const expected = { frames: [seenOf(echo)], reason, partialBytes: 0, partialLength: 0 };
    t.strictSame(read([good, bad]), expected, `${reason} in a chunk of its own`);
    t.strictSame(read([join([good, bad, good])]), expected, `${reason} between good frames`);
    t.strictSame(read([good, bad.subarray(0, shownAt)]), expected, `${reason} on byte ${shownAt}`);
    t.strictSame(read([good, bad.subarray(0, shownAt - 1)]).reason, undefined, `and not before`);
  }
  t.end();
});

void t.test('after a refusal nothing comes any more', (t) => {
  const decoder = new FrameDecoder();
  t.equal(readAll(decoder, [bytesOf('00000000')]).reason, 'bad_length');
  t.strictSame(readAll(decoder, [conversationBytes, conversationBytes]), { frames: [], reason: 'bad_length', partialBytes: 0, partialLength: 0 });
  t.equal(decoder.unreadBytes, 0);
  t.end();
});

void t.test('memory follows the bytes that came', (t) => {
  const decoder = new FrameDecoder();
  const longest = frame({ flags: REQ | START | END, payload: text(FRAME_BYTES_MAX - HEADER_BYTES) });
  const bytes = encodeFrame(longest);
  readAll(decoder, [bytes.subarray(0, HEADER_BYTES)]);
  t.equal(decoder.partialLength, FRAME_BYTES_MAX);
  t.equal(decoder.partialCapacity, HEADER_BYTES, 'a header reserves nothing for its body');
  const wrong: string[] = [];
  let came = HEADER_BYTES;
  while (came < bytes.length) {
    const step = came < 70_000 ? 1 : 4_999;
    const { frames } = readAll(decoder, [bytes.subarray(came, came + step)]);
    came += step;
    if (came < bytes.length && decoder.partialBytes !== came) wrong.push(`${decoder.partialBytes} kept of ${came}`);
    if (decoder.partialCapacity > Math.max(PARTIAL_FRAME_BYTES_INITIAL, 2 * came)) wrong.push(`${decoder.partialCapacity} reserved for ${came}`);
    if (came >= bytes.length) t.strictSame(frames, [seenOf(longest)]);
  }
  t.strictSame(wrong, []);
  const eager = new FrameDecoder(FRAME_BYTES_MAX, 70_000);
  readAll(eager, [bytes.subarray(0, HEADER_BYTES)]);
  t.equal(eager.partialCapacity, HEADER_BYTES);
  readAll(eager, [bytes.subarray(HEADER_BYTES, HEADER_BYTES + 1)]);
  t.equal(eager.partialCapacity, 70_000, 'unless it is told to reserve more');
  t.end();
});

void t.test('a small frame reserves its own length at most', (t) => {
  const decoder = new FrameDecoder();
  readAll(decoder, [encodeFrame(echo).subarray(0, HEADER_BYTES + 1)]);
  t.equal(decoder.partialCapacity, encodeFrame(echo).length);
  t.end();
});

void t.test('between frames a decoder holds no memory of others', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const decoder = new FrameDecoder();
  const lend = (bytes: Uint8Array, cuts: readonly number[]): WeakRef<ArrayBufferLike>[] =>
    cutAt(bytes, cuts).flatMap((piece) => {
      const chunk = piece.slice();
      decoder.feed(chunk);
      const owned: WeakRef<ArrayBufferLike>[] = [];
      while (decoder.next()) owned.push(new WeakRef(decoder.buffer.buffer));
      return [new WeakRef(chunk.buffer), ...owned];
    });
  const lent = [...lend(conversationBytes, []), ...lend(conversationBytes, [100, 900, 2_000])];
  t.equal(decoder.buffer.length, 0);
  // The codec keeps one view for all connections, so another decoder has to read something.
  readAll(new FrameDecoder(), [conversationBytes]);
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  t.ok(lent.length > 8, `${lent.length} buffers were seen`);
  t.equal(lent.filter((memory) => memory.deref() !== undefined).length, 0);
  t.end();
});

void t.test('a frame that lay in one chunk is lent, one that was cut is owned', (t) => {
  const bytes = join([echo, echo, ping, echo].map((one) => encodeFrame(one)));
  const cut = encodeFrame(echo).length + 44;
  const chunk = bytes.slice(0, cut);
  const decoder = new FrameDecoder();
  decoder.feed(chunk);
  t.ok(decoder.next());
  t.equal(decoder.owned, false);
  t.equal(decoder.buffer, chunk, 'lent where it lies');
  t.notOk(decoder.next());
  chunk.fill(0xa5);
  const rest = bytes.slice(cut);
  decoder.feed(rest);
  t.ok(decoder.next());
  t.equal(decoder.owned, true);
  const { buffer, payloadStart, payloadEnd } = decoder;
  t.not(buffer.buffer, chunk.buffer);
  t.not(buffer.buffer, rest.buffer);
  t.equal(buffer.length, encodeFrame(echo).length, 'exactly the frame');
  t.equal(buffer.buffer.byteLength, buffer.length, 'in memory of its own');
  t.ok(decoder.next() && decoder.next());
  t.equal(decoder.owned, false, 'the next one is lent again');
  t.notOk(decoder.next());
  rest.fill(0xa5);
  readAll(decoder, piecesOf(conversationBytes, 11));
  t.strictSame(buffer.subarray(payloadStart, payloadEnd), echo.payload, 'the decoder left it alone');
  t.end();
});

void t.test('frames that were cut share no memory, not even the smallest', (t) => {
  const decoder = new FrameDecoder();
  const kept: Uint8Array[] = [];
  const frames = [ping, frame({ flags: REQ, corrId: 8n }), echo, frame({ flags: REQ, corrId: 9n })];
  for (const piece of piecesOf(join(frames.map((one) => encodeFrame(one))), 5)) {
    decoder.feed(piece);
    while (decoder.next()) {
      t.ok(decoder.owned);
      kept.push(decoder.buffer);
    }
  }
  t.equal(new Set(kept.map(({ buffer }) => buffer)).size, frames.length);
  t.strictSame(kept, frames.map((one) => encodeFrame(one)));
  t.end();
});

void t.test('the view shows the current frame, lent or owned, at an offset of its buffer', (t) => {
  const credit = encodeFrame(frame({ flags: EVENT, app: 0, code: 4, payload: bytesOf('80000001') }));
  const inside = join([text(13), credit, credit]).subarray(13);
  for (const chunks of [[inside], cutAt(inside, [40, 50])]) {
    const decoder = new FrameDecoder();
    for (const chunk of chunks) {
      decoder.feed(chunk);
      while (decoder.next()) t.equal(decoder.view.getUint32(decoder.payloadStart), 0x80000001);
    }
  }
  t.end();
});

void t.test('detach keeps the rest of a chunk whose memory is reused', (t) => {
  for (const [name, lend] of [['Uint8Array', (bytes: Uint8Array) => bytes.slice()], ['Buffer', (bytes: Uint8Array) => Buffer.from(bytes)]] as const) {
    for (const taken of [0, 1, conversation.length]) {
      const decoder = new FrameDecoder();
      const chunk = lend(conversationBytes.subarray(0, -3));
      decoder.feed(chunk);
      const seen = Array.from({ length: taken }, () => (decoder.next() ? seenIn(decoder) : undefined));
      const { unreadBytes } = decoder;
      decoder.detach();
      chunk.fill(0xa5);
      t.equal(decoder.unreadBytes, unreadBytes, `${name}: as many bytes after ${taken} frames`);
      while (decoder.next()) seen.push(seenIn(decoder));
      seen.push(...readAll(decoder, [conversationBytes.subarray(-3)]).frames);
      t.strictSame(seen.filter((one) => one !== undefined), wholeReading.frames, `${name}: the same conversation after ${taken} frames`);
    }
  }
  t.end();
});

void t.test('lending a chunk before the last one was drained is the caller\'s mistake', (t) => {
  const decoder = new FrameDecoder();
  decoder.feed(join([encodeFrame(ping), encodeFrame(ping)]));
  t.ok(decoder.next());
  t.throws(() => { decoder.feed(encodeFrame(ping)); }, /drained/);
  t.end();
});

void t.test('only the given part of a chunk counts', (t) => {
  const decoder = new FrameDecoder();
  const room = new Uint8Array(65_536).fill(0xff);
  room.set(encodeFrame(echo));
  decoder.feed(room, encodeFrame(echo).length);
  t.ok(decoder.next());
  t.strictSame(seenIn(decoder), seenOf(echo));
  t.notOk(decoder.next());
  t.equal(decoder.reject, undefined);
  t.end();
});

void t.test('10,000 frames in one chunk', (t) => {
  const frames = Array.from({ length: 10_000 }, (_, i) => frame({ flags: REQ | START | END, corrId: BigInt(i) }));
  const { frames: seen, ...rest } = read([join(frames.map((one) => encodeFrame(one)))]);
  t.equal(seen.length, 10_000);
  t.ok(seen.every(({ corr }, i) => corr === String(i)), 'in order');
  t.strictSame(rest, { reason: undefined, partialBytes: 0, partialLength: 0 });
  t.end();
});

void t.test('a frame of exactly max_frame is taken, one byte more is not', (t) => {
  for (const max of [4_096, FRAME_BYTES_MAX]) {
    const longest = frame({ flags: REQ | START | END, capability: text(50), payload: text(max - HEADER_BYTES - 50) });
    const bytes = encodeFrame(longest);
    for (const size of [bytes.length, 65_536, 1_448]) {
      t.strictSame(read(piecesOf(bytes, size), max).frames, [seenOf(longest)], `${max} bytes in pieces of ${size}`);
      t.equal(read(piecesOf(bytes, size), max - 1).reason, 'frame_too_large', `one above the bound in pieces of ${size}`);
    }
  }
  t.end();
});

void t.test('a new bound holds from the next frame on', (t) => {
  const decoder = new FrameDecoder(4_096);
  const large = frame({ flags: REQ, payload: text(8_000) });
  t.equal(readAll(decoder, [encodeFrame(echo)]).frames.length, 1);
  decoder.frameBytesMax = FRAME_BYTES_MAX;
  t.strictSame(readAll(decoder, piecesOf(encodeFrame(large), 1_000)).frames, [seenOf(large)]);
  decoder.frameBytesMax = 4_096;
  t.equal(readAll(decoder, [encodeFrame(large)]).reason, 'frame_too_large');
  t.end();
});

const anyCuts = fc.oneof(
  fc.array(fc.nat({ max: 600 }), { maxLength: 12 }),
  fc.array(fc.nat({ max: 60_000 }), { maxLength: 30 }),
  fc.integer({ min: 1, max: 300 }).map((size) => Array.from({ length: 200 }, (_, i) => i * size)),
);

void t.test('frames cut anywhere are the same frames', (t) => {
  const property = fc.property(fc.array(anyFrame, { maxLength: 6 }), anyCuts, (frames, cuts) => {
    const bytes = join(frames.map((one) => encodeFrame(one)));
    const expected = { ...wholeReading, frames: frames.map(seenOf) };
    return JSON.stringify(read(cutAt(bytes, cuts))) === JSON.stringify(expected);
  });
  holds(t, property, 5_000);
  t.end();
});

void t.test('damaged bytes cut anywhere get the same verdict', (t) => {
  const damage = fc.array(fc.record({ at: fc.nat({ max: 400 }), byte: fc.nat({ max: 255 }) }), { maxLength: 4 });
  const damaged = fc.tuple(fc.array(anyFrame, { minLength: 1, maxLength: 4 }), damage).map(([frames, changes]) => {
    const bytes = join(frames.map((one) => encodeFrame(one)));
    for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
    return bytes;
  });
  const random = fc.uint8Array({ maxLength: 500 });
  const property = fc.property(fc.oneof(damaged, random), anyCuts, (bytes, cuts) => {
    return JSON.stringify(read(cutAt(bytes, cuts))) === JSON.stringify(read([bytes]));
  });
  holds(t, property, 5_000);
  t.end();
});
