import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { Deviation } from '../src/deviation.ts';
import { Link } from '../src/link.ts';
import { Trace } from '../src/trace.ts';
import { decodeFrame, encodeFrame, faultOf } from '../src/wire/frame.ts';
import { ping } from '../src/wire/frames.ts';
import { decodeMessagePack, encodeMap } from '../src/wire/messagepack.ts';

type Bytes = string | readonly { readonly hex?: string; readonly times?: number; readonly fill?: string; readonly bytes?: number }[];

interface Vector {
  readonly name: string;
  readonly wire: Bytes;
  readonly flags: number;
  readonly code: number;
  readonly app: number;
  readonly tenant: string;
  readonly corr: string;
  readonly cap: Bytes;
  readonly payload: Bytes;
  readonly verdict: 'ok' | 'need' | 'err';
  readonly reason: string;
  readonly max_frame: number;
}

function vectorsOf(file: string): readonly Vector[] {
  const text = readFileSync(new URL(`../../../specs/vectors/${file}`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { vectors: readonly Vector[] }).vectors;
}

function bytesOf(parts: Bytes): Buffer {
  if (typeof parts === 'string') return Buffer.from(parts, 'hex');
  return Buffer.concat(parts.map(({ hex, times = 1, fill = '00', bytes = 0 }) => (hex === undefined ? Buffer.alloc(bytes, Buffer.from(fill, 'hex')) : Buffer.from(hex.repeat(times), 'hex'))));
}

await t.test('frames are encoded and decoded as the vectors say', (t) => {
  const vectors = vectorsOf('frames.json');
  t.ok(vectors.length > 20);
  for (const { name, wire, cap, payload, corr, flags, code, app, tenant } of vectors) {
    const bytes = bytesOf(wire);
    const fields = { flags, code, app, tenant, corr: BigInt(corr), capability: bytesOf(cap), payload: bytesOf(payload) };
    t.ok(encodeFrame(fields).equals(bytes), name);
    const { len, ver, ...decoded } = decodeFrame(bytes);
    t.same({ len, ver }, { len: bytes.length, ver: 1 }, name);
    t.same(decoded, fields, name);
  }
  t.end();
});

await t.test('damaged frames are found at the step of the vectors', (t) => {
  const steps: Readonly<Record<string, number>> = { bad_length: 1, frame_too_large: 2, bad_version: 4, bad_flags: 5, cap_on_nonstart: 6, cap_too_large: 7, bad_cap_len: 8 };
  const vectors = vectorsOf('decode.json');
  t.ok(vectors.length > 50);
  for (const { name, wire, verdict, reason, max_frame: max } of vectors) {
    // Another kind than one is for the messages of §6; the vectors are about frames.
    const fault = faultOf(bytesOf(wire), max)?.replace(/.*\(§6\.1\)$/, '') ?? '';
    t.match(fault, verdict === 'err' ? new RegExp(`step ${String(steps[reason])}\\)`) : /^$/, name);
  }
  t.end();
});

await t.test('MessagePack survives, and damage is told', (t) => {
  const map = { text: 'é'.repeat(40), zero: 0, small: 127, large: 2 ** 53 - 1, negative: -5, half: 0.5, yes: true, no: false, nothing: null, list: [1, ['two']], map: { a: { b: 3 } } };
  const bytes = encodeMap(map);
  t.same(decodeMessagePack(bytes), map);
  for (let cut = 0; cut < bytes.length; cut++) t.throws(() => decodeMessagePack(bytes.subarray(0, cut)), /ends in the middle/, `cut at ${cut}`);
  t.throws(() => decodeMessagePack(Buffer.of(1, 1)), /1 bytes behind/);
  t.throws(() => decodeMessagePack(Buffer.from('82a16101a16102', 'hex')), /the key a twice/);
  t.throws(() => decodeMessagePack(Buffer.of(0x81, 1, 1)), /no string/);
  t.throws(() => decodeMessagePack(Buffer.of(0xc1)), /type byte 0xc1/);
  t.throws(() => decodeMessagePack(Buffer.concat([Buffer.alloc(40, 0x91), Buffer.of(0)])), /too deep/);
  // By hand, in each encoding: 1 as uint 8 to 64 and int 8 to 64, text 8, bin 8, array 16, float 32.
  const parts = 'dc000ccc01cd0001ce00000001cf0000000000000001d001d10001d200000001d30000000000000001d90178c40107dc0000ca3f000000';
  t.same(decodeMessagePack(Buffer.from(parts, 'hex')), [1, 1, 1, 1, 1, 1, 1, 1, 'x', Buffer.of(7), [], 0.5]);
  t.end();
});

await t.test('a link cuts frames at any byte, and says what the peer did not do', async (t) => {
  const bytes = Buffer.concat([ping(1, 'one'), ping(2), ping(3, 'three')]);
  const server = createServer((socket) => {
    let at = 0;
    const write = () => {
      if (at < bytes.length) socket.write(bytes.subarray(at, ++at), () => setImmediate(write));
      else socket.end(ping(4, '', { ver: 7 }));
    };
    write();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  using link = new Link(connect((server.address() as AddressInfo).port, '127.0.0.1'), new Trace(), 2_000);
  t.equal((await link.take(3, 'the third')).payload.toString(), 'three');
  t.equal((await link.take(1, 'the first')).payload.toString(), 'one');
  const error: unknown = await link.take(9, 'a ninth').catch((thrown: unknown) => thrown);
  t.ok(error instanceof Deviation);
  t.match(error, { expected: 'frames that §3 allows', actual: 'ver 7 (§3.3, step 4)', section: '3.3' });
  server.close();
});
