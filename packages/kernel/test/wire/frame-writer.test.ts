import fc from 'fast-check';
import t from 'tap';
import { FRAME_BYTES_MAX, HEADER_BYTES, WRITE_BUFFER_BYTES, WRITE_BUFFERS_POOLED, WRITE_COPY_BYTES_MAX } from '../../src/limits.ts';
import { copyBytes } from '../../src/wire/copy-bytes.ts';
import { FrameWriter, WriteBufferPool } from '../../src/wire/frame-writer.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { createHeader, Flag } from '../../src/wire/header.ts';
import type { FrameHeader } from '../../src/wire/header.ts';
import { parseTenant, setCorr } from '../../src/wire/identifiers.ts';
import { anyFrame, hexOf, holds, join } from './frame-samples.ts';

const flags = Flag.RESP | Flag.START | Flag.END;
const tenant = 'ffeeddccbbaa99887766554433221100';

/** The exchange that a frame belongs to. */
function exchangeOf(frame: Pick<Frame, 'app' | 'tenant' | 'corrId'>): FrameHeader {
  const header = Object.assign(createHeader(), parseTenant(frame.tenant), { app: frame.app });
  setCorr(header, frame.corrId);
  return header;
}

const to = exchangeOf({ app: 1, tenant, corrId: 2n ** 64n - 2n });

function payloadOf(bytes: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + seed) & 0xff);
}

function expected(payload: Uint8Array): Uint8Array {
  return encodeFrame({ flags, code: 200, app: 1, tenant, corrId: 2n ** 64n - 2n, payload });
}

function append(writer: FrameWriter, payload: Uint8Array, keep = false): void {
  writer.append(to, flags, 200, payload, 0, payload.length, keep);
}

void t.test('a frame appended is the frame encoded, at every size that is treated differently', (t) => {
  const sizes = [0, 1, 31, 32, 33, 64, 65, 127, 128, 129, 16_383, WRITE_COPY_BYTES_MAX, WRITE_COPY_BYTES_MAX + 1, 65_498, 65_499, 65_536, FRAME_BYTES_MAX - HEADER_BYTES];
  for (const size of sizes) {
    const payload = payloadOf(size);
    const around = join([payloadOf(5, 9), payload, payloadOf(5, 9)]);
    for (const keep of [false, true]) {
      for (const [name, memory, start] of [['all of it', payload, 0], ['a range', around, 5], ['a range of a Buffer', Buffer.from(around), 5]] as const) {
        const writer = new FrameWriter(new WriteBufferPool());
        writer.append(to, flags, 200, memory, start, start + size, keep);
        t.equal(writer.pendingBytes, HEADER_BYTES + size);
        t.ok(Buffer.concat(writer.take()).equals(expected(payload)), `${size} bytes, ${name}${keep ? ', kept' : ''}`);
        t.equal(writer.pendingBytes, 0);
      }
    }
  }
  t.end();
});

void t.test('copies go where they belong and nowhere else', (t) => {
  const wrong: string[] = [];
  for (let size = 0; size <= 200; size++) {
    for (const start of [0, 3]) {
      const from = payloadOf(size + 6);
      const out = new Uint8Array(260).fill(0xee);
      copyBytes(from, start, start + size, out, 11);
      const image = new Uint8Array(260).fill(0xee);
      image.set(from.subarray(start, start + size), 11);
      if (hexOf(out) !== hexOf(image)) wrong.push(`${size} bytes from ${start}`);
    }
  }
  t.strictSame(wrong, []);
  t.end();
});

void t.test('600 small replies leave as one segment', (t) => {
  const writer = new FrameWriter(new WriteBufferPool());
  for (let i = 0; i < 600; i++) append(writer, payloadOf(64, i));
  t.equal(writer.pendingBytes, 600 * (HEADER_BYTES + 64));
  const segments = writer.take();
  t.equal(segments.length, 1);
  t.ok(Buffer.concat(segments).equals(join(Array.from({ length: 600 }, (_, i) => expected(payloadOf(64, i))))));
  t.strictSame(writer.take(), [], 'and nothing is left');
  t.end();
});

void t.test('a full buffer is followed by another', (t) => {
  const writer = new FrameWriter(new WriteBufferPool());
  for (let i = 0; i < 2_000; i++) append(writer, payloadOf(64, i));
  const segments = writer.take();
  t.equal(segments.length, Math.ceil(2_000 / Math.floor(WRITE_BUFFER_BYTES / 102)), 'no frame is cut and no room is wasted');
  t.ok(Buffer.concat(segments).equals(join(Array.from({ length: 2_000 }, (_, i) => expected(payloadOf(64, i))))));
  t.end();
});

void t.test('a large payload is referenced when it is kept, and only then', (t) => {
  const writer = new FrameWriter(new WriteBufferPool());
  const large = payloadOf(WRITE_COPY_BYTES_MAX + 1);
  const limit = payloadOf(WRITE_COPY_BYTES_MAX);
  append(writer, payloadOf(3));
  append(writer, large, true);
  append(writer, limit, true);
  append(writer, large, false);
  const segments = writer.take();
  t.strictSame(segments.map(({ length }) => length), [
    HEADER_BYTES + 3 + HEADER_BYTES,
    large.length,
    HEADER_BYTES + limit.length + HEADER_BYTES + large.length,
  ]);
  t.equal(segments[1]?.buffer, large.buffer);
  const image = join([expected(payloadOf(3)), expected(large), expected(limit), expected(large)]);
  t.ok(Buffer.concat(segments).equals(image), 'in order');
  limit.fill(0);
  t.ok(Buffer.concat(segments).equals(image), 'what was copied does not change');
  large.fill(0);
  t.notOk(Buffer.concat(segments).equals(image), 'what was referenced does');
  t.end();
});

void t.test('a copy larger than a buffer goes on in the next ones', (t) => {
  const pool = new WriteBufferPool();
  const writer = new FrameWriter(pool);
  const huge = payloadOf(3 * WRITE_BUFFER_BYTES);
  const payloads = [payloadOf(10), huge, payloadOf(20)];
  for (const payload of payloads) append(writer, payload);
  const segments = writer.take();
  t.ok(Buffer.concat(segments).equals(join(payloads.map(expected))));
  t.strictSame(segments.map(({ length }) => length), [WRITE_BUFFER_BYTES, WRITE_BUFFER_BYTES, WRITE_BUFFER_BYTES, 3 * HEADER_BYTES + 30]);
  writer.recycle();
  const pooled = Array.from({ length: 4 }, () => pool.acquire().bytes.buffer);
  t.ok(segments.every(({ buffer }) => pooled.includes(buffer)), 'and all of them are used again');
  t.end();
});

void t.test('a small payload is never cut, nor is a header', (t) => {
  for (let left = 0; left <= HEADER_BYTES + 1; left++) {
    const writer = new FrameWriter(new WriteBufferPool());
    append(writer, payloadOf(WRITE_BUFFER_BYTES - HEADER_BYTES - left));
    append(writer, payloadOf(1));
    append(writer, payloadOf(100_000));
    const segments = writer.take();
    t.equal(segments[0]?.length, WRITE_BUFFER_BYTES - (left <= HEADER_BYTES ? left : 0), `with ${left} bytes left`);
    const image = join([payloadOf(WRITE_BUFFER_BYTES - HEADER_BYTES - left), payloadOf(1), payloadOf(100_000)].map(expected));
    t.ok(Buffer.concat(segments).equals(image), `with ${left} bytes left, in order`);
  }
  t.end();
});

void t.test('a capability rides in front of the payload', (t) => {
  const capability = payloadOf(100, 5);
  for (const size of [0, 10, WRITE_COPY_BYTES_MAX, WRITE_COPY_BYTES_MAX + 1]) {
    const writer = new FrameWriter(new WriteBufferPool());
    const payload = payloadOf(size);
    writer.appendWithCapability(to, Flag.REQ | Flag.START, 3, capability, payload);
    t.equal(writer.pendingBytes, HEADER_BYTES + 100 + size);
    const segments = writer.take();
    const bytes = encodeFrame({ flags: Flag.REQ | Flag.START, code: 3, app: 1, tenant, corrId: 2n ** 64n - 2n, capability, payload });
    t.ok(Buffer.concat(segments).equals(bytes), `${size} bytes of payload`);
    t.equal(segments.length, size > WRITE_COPY_BYTES_MAX ? 2 : 1);
  }
  t.end();
});

void t.test('what is recycled is used again, what is in flight is not', (t) => {
  const pool = new WriteBufferPool();
  const writer = new FrameWriter(pool);
  append(writer, payloadOf(8));
  const first = writer.take();
  append(writer, payloadOf(9));
  t.ok(Buffer.concat(first).equals(expected(payloadOf(8))), 'what is in flight does not change');
  writer.recycle();
  const second = writer.take();
  t.equal(second[0]?.buffer, first[0]?.buffer, 'the rest of a buffer is filled while its beginning is in flight');
  t.ok(Buffer.concat(second).equals(expected(payloadOf(9))));
  writer.recycle();
  append(writer, payloadOf(10));
  const third = writer.take();
  t.equal(third[0]?.buffer, first[0]?.buffer, 'a recycled buffer is used from its beginning');
  t.equal(third[0]?.byteOffset, first[0]?.byteOffset);
  writer.recycle();
  const one = pool.acquire();
  t.equal(one.bytes.buffer, first[0]?.buffer, 'an idle writer holds no buffer');
  t.not(pool.acquire().bytes.buffer, one.bytes.buffer, 'and it was given back once');
  t.end();
});

void t.test('recycling twice gives nothing back twice', (t) => {
  const pool = new WriteBufferPool();
  const writer = new FrameWriter(pool);
  for (let i = 0; i < 700; i++) append(writer, payloadOf(64));
  writer.take();
  writer.recycle();
  writer.recycle();
  const acquired = Array.from({ length: 4 }, () => pool.acquire().bytes.buffer);
  t.equal(new Set(acquired).size, acquired.length);
  t.end();
});

void t.test('the pool keeps a bounded number of buffers', (t) => {
  const pool = new WriteBufferPool();
  const all = Array.from({ length: WRITE_BUFFERS_POOLED + 5 }, () => pool.acquire());
  for (const buffer of all) pool.release(buffer);
  const again = Array.from({ length: WRITE_BUFFERS_POOLED + 5 }, () => pool.acquire());
  t.equal(again.filter((buffer) => all.includes(buffer)).length, WRITE_BUFFERS_POOLED);
  t.end();
});

void t.test('any frame appended is the frame encoded', (t) => {
  const pool = new WriteBufferPool();
  const property = fc.property(fc.array(anyFrame, { maxLength: 5 }), fc.boolean(), (frames, keep) => {
    const writer = new FrameWriter(pool);
    for (const frame of frames) {
      const { payload, capability } = frame;
      if (capability.length > 0) writer.appendWithCapability(exchangeOf(frame), frame.flags, frame.code, capability, payload);
      else writer.append(exchangeOf(frame), frame.flags, frame.code, payload, 0, payload.length, keep);
    }
    const bytes = Buffer.concat(writer.take());
    const same = bytes.equals(join(frames.map((frame) => encodeFrame(frame))));
    writer.recycle();
    return same;
  });
  holds(t, property, 3_000);
  t.end();
});

/** Steps of two connections that share a pool; a write is in flight between `take` and `sent`. */
type Step =
  | { readonly who: 0 | 1; readonly does: 'append'; readonly bytes: number; readonly keep: boolean }
  | { readonly who: 0 | 1; readonly does: 'take' | 'sent' };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    who: fc.constantFrom<0 | 1>(0, 1),
    does: fc.constant('append' as const),
    bytes: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 70_000 })),
    keep: fc.boolean(),
  }),
  fc.record({ who: fc.constantFrom<0 | 1>(0, 1), does: fc.constantFrom('take' as const, 'sent' as const) }),
);

void t.test('connections that share a pool never write into each other\'s bytes in flight', (t) => {
  const property = fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
    const pool = new WriteBufferPool();
    const sides = [0, 1].map(() => ({
      writer: new FrameWriter(pool),
      collected: [] as Uint8Array[],
      flight: undefined as { segments: Uint8Array[]; image: Uint8Array } | undefined,
    }));
    for (const [i, step] of [...steps, { who: 0, does: 'sent' }, { who: 1, does: 'sent' }].entries() as Iterable<[number, Step]>) {
      const side = sides[step.who] as (typeof sides)[number];
      if (step.does === 'append') {
        const payload = new Uint8Array(step.bytes).fill(i);
        append(side.writer, payload, step.keep);
        side.collected.push(expected(payload));
      } else if (step.does === 'take' && side.flight === undefined) {
        side.flight = { segments: side.writer.take(), image: join(side.collected) };
        side.collected = [];
      } else if (step.does === 'sent' && side.flight !== undefined) {
        if (!Buffer.concat(side.flight.segments).equals(side.flight.image)) return false;
        side.flight = undefined;
        side.writer.recycle();
      }
    }
    return sides.every(({ writer, collected }) => Buffer.concat(writer.take()).equals(join(collected)));
  });
  holds(t, property, 2_000);
  t.end();
});
