import { readFileSync } from 'node:fs';
import t from 'tap';
import { checkCompressed, COMPRESSION_LIMITS } from '../../src/wire/compression-guard.ts';
import { FrameDecoder } from '../../src/wire/decoder.ts';
import { decodeErrorBody, encodeErrorBody } from '../../src/wire/error-body.ts';
import { FrameWriter, WriteBufferPool } from '../../src/wire/frame-writer.ts';
import { decodeFrame, encodeFrame } from '../../src/wire/frame.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { createHeader, Flag } from '../../src/wire/header.ts';
import { decodeHelloReply, decodeHelloRequest, encodeHelloReply, negotiateHello } from '../../src/wire/hello.ts';
import { parseTenant, setCorr } from '../../src/wire/identifiers.ts';
import { defineReject, rejectByReason } from '../../src/wire/reject.ts';
import { bytesOf, cutAt, hexOf, piecesOf, readAll, seenOf } from './frame-samples.ts';
import type { Seen } from './frame-samples.ts';

/** Every vector of specs/vectors that concerns the codec; what they mean is said in its README.md. */

/** Hexadecimal digits, or parts that are repeated and joined. */
type Bytes = string | readonly ({ readonly hex: string; readonly times?: number } | { readonly fill: string; readonly bytes: number })[];

interface FrameVector {
  readonly name: string;
  readonly flags: number;
  readonly code: number;
  readonly app: number;
  readonly tenant: string;
  readonly corr: string;
  readonly cap: string;
  readonly payload: string;
  readonly wire: string;
}

type DecodeVector = { readonly name: string; readonly max_frame: number; readonly wire: string } & (
  | { readonly verdict: 'need' }
  | { readonly verdict: 'err'; readonly reason: string }
  | (Omit<FrameVector, 'wire'> & { readonly verdict: 'ok'; readonly len: number; readonly rest: number })
);

interface HelloVector {
  readonly name: string;
  readonly request: string;
  readonly node?: {
    readonly compression: boolean;
    readonly max_inflight: number;
    readonly idle_timeout_ms: number;
    readonly revocation_seq: number;
  };
  readonly verdict: 'ok' | 'err';
  readonly reason?: string;
  readonly encoding?: 'msgpack' | 'json';
  readonly reply?: Readonly<Record<string, unknown>>;
  readonly reply_window?: number;
  readonly comp?: boolean;
}

interface ErrorVector {
  readonly name: string;
  readonly status: number;
  readonly body: string;
  readonly canonical: boolean;
  readonly unreadable?: true;
  readonly retryable?: boolean;
  readonly fields?: { readonly reason: string; readonly message?: string; readonly retry_after_ms?: number; readonly detail?: unknown };
}

interface CompressionVector {
  readonly name: string;
  readonly payload: Bytes;
  readonly max_decompressed?: number;
  readonly verdict: 'ok' | 'err';
  readonly content_bytes?: number;
  readonly reason?: string;
}

function vectors(kind: string): unknown {
  const file = new URL(`../../../../specs/vectors/${kind}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: unknown }).vectors;
}

function bytesIn(bytes: Bytes): Uint8Array {
  if (typeof bytes === 'string') return bytesOf(bytes);
  return bytesOf(...bytes.map((part) => ('hex' in part ? part.hex.repeat(part.times ?? 1) : part.fill.repeat(part.bytes))));
}

function frameOf(vector: Omit<FrameVector, 'wire'>): Frame {
  const { flags, code, app, tenant } = vector;
  return { flags, code, app, tenant, corrId: BigInt(vector.corr), capability: bytesOf(vector.cap), payload: bytesOf(vector.payload) };
}

/** What a writer makes of a frame. */
function written(frame: Frame): Uint8Array {
  const to = Object.assign(createHeader(), parseTenant(frame.tenant), { app: frame.app });
  setCorr(to, frame.corrId);
  const writer = new FrameWriter(new WriteBufferPool());
  writer.appendWithCapability(to, frame.flags, frame.code, frame.capability, frame.payload);
  return Buffer.concat(writer.take());
}

/** A decoder's verdict on the first frame of some chunks. */
function firstOf(chunks: readonly Uint8Array[], frameBytesMax: number): Seen | string {
  const { frames, reason } = readAll(new FrameDecoder(frameBytesMax), chunks);
  return frames[0] ?? reason ?? 'need';
}

void t.test('frames: the fields make the bytes, and the bytes the fields', (t) => {
  const all = vectors('frames') as readonly FrameVector[];
  for (const vector of all) {
    const frame = frameOf(vector);
    t.equal(hexOf(encodeFrame(frame)), vector.wire, `${vector.name}, encoded`);
    t.equal(hexOf(written(frame)), vector.wire, `${vector.name}, written`);
    t.strictSame(firstOf(piecesOf(bytesOf(vector.wire), 7), 1_048_576), seenOf(frame), `${vector.name}, decoded`);
  }
  t.comment(`${all.length} frames`);
  t.end();
});

void t.test('decode: the verdict, the fields and what is left, at every split', (t) => {
  const all = vectors('decode') as readonly DecodeVector[];
  for (const vector of all) {
    const bytes = bytesOf(vector.wire);
    const expected = vector.verdict === 'ok' ? seenOf(frameOf(vector)) : vector.verdict === 'err' ? vector.reason : 'need';
    const result = decodeFrame(bytes, vector.max_frame);
    const got = result.verdict === 'ok' ? seenOf(result.frame) : result.verdict === 'err' ? result.reject.reason : 'need';
    t.strictSame(got, expected, vector.name);
    if (vector.verdict === 'ok' && result.verdict === 'ok') {
      t.equal(result.bytes, vector.len, `${vector.name}: its length`);
      t.equal(bytes.length - result.bytes, vector.rest, `${vector.name}: what is left`);
    }
    const wanted = JSON.stringify(expected);
    const wrong = Array.from(bytes, (_, at) => at).filter((at) => JSON.stringify(firstOf(cutAt(bytes, [at]), vector.max_frame)) !== wanted);
    t.strictSame(wrong, [], `${vector.name}: at ${bytes.length} splits`);
  }
  t.comment(`${all.length} inputs`);
  t.end();
});

void t.test('hello: the encoding, what the node answers and what holds', (t) => {
  const all = vectors('hello') as readonly HelloVector[];
  for (const { name, request: body, node, ...expected } of all) {
    const result = decodeHelloRequest(bytesOf(body));
    t.equal(result.ok ? 'ok' : result.reject.reason, expected.reason ?? 'ok', name);
    if (!result.ok) continue;
    const { reply, agreed } = negotiateHello(result.request, {
      server: 'test',
      transports: [],
      compression: node?.compression ?? true,
      revocationSeq: node?.revocation_seq ?? 0,
      ...(node === undefined ? {} : { maxInflight: node.max_inflight, idleTimeoutMs: node.idle_timeout_ms }),
    });
    t.equal(result.encoding, expected.encoding, `${name}: encoding`);
    t.match(reply, expected.reply, `${name}: reply`);
    t.equal(agreed.replyWindowBytes, expected.reply_window, `${name}: window`);
    t.equal((agreed.flags & Flag.COMP) !== 0, expected.comp, `${name}: COMP`);
    t.strictSame(decodeHelloReply(encodeHelloReply(reply, result.encoding)), reply, `${name}: the client reads the same`);
  }
  t.comment(`${all.length} requests`);
  t.end();
});

void t.test('errors: what is read, and what is written where there is one way', (t) => {
  const all = vectors('errors') as readonly ErrorVector[];
  for (const { name, status, body, canonical, unreadable, retryable, fields } of all) {
    const error = decodeErrorBody(status, bytesOf(body), '1');
    if (unreadable || fields === undefined) {
      t.equal(error.reason, 'bad_response', name);
      continue;
    }
    t.strictSame(
      [error.reason, error.status, error.retryable, error.retryAfterMs, error.detail],
      [fields.reason, status, retryable, fields.retry_after_ms, fields.detail],
      name,
    );
    if (fields.message !== undefined) t.ok(error.message.includes(fields.message), `${name}: message`);
    if (!canonical) continue;
    const reject = rejectByReason(fields.reason) ?? defineReject(fields.reason, status, false, 'K', '');
    const encoded = encodeErrorBody(reject, { message: fields.message, retryAfterMs: fields.retry_after_ms, detail: fields.detail });
    t.equal(hexOf(encoded), body, `${name}: written`);
  }
  t.comment(`${all.length} bodies`);
  t.end();
});

void t.test('compression: the verdict of the guard', (t) => {
  const all = vectors('compression') as readonly CompressionVector[];
  for (const vector of all) {
    const payload = bytesIn(vector.payload);
    const verdict = checkCompressed(payload, 0, payload.length, {
      ...COMPRESSION_LIMITS,
      ...(vector.max_decompressed === undefined ? {} : { outputBytesMax: vector.max_decompressed }),
    });
    t.equal(typeof verdict === 'number' ? verdict : verdict.reason, vector.reason ?? vector.content_bytes, vector.name);
  }
  t.comment(`${all.length} payloads`);
  t.end();
});
