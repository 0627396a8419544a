import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import t from 'tap';
import {
  FRAME_BYTES_MAX,
  FRAME_BYTES_MAX_FLOOR,
  HELLO_TEXT_CHARS_MAX,
  HELLO_VERSIONS_MAX,
  INFLIGHT_REQUESTS_MAX,
  PREAUTH_FRAME_BYTES_MAX,
  STREAM_WINDOW_BYTES,
  STREAM_WINDOW_BYTES_MAX,
  STREAM_WINDOW_BYTES_MIN,
} from '../../src/limits.ts';
import { Flag } from '../../src/wire/header.ts';
import { decodeHelloReply, decodeHelloRequest, encodeHelloReply, encodeHelloRequest, negotiateHello } from '../../src/wire/hello.ts';
import type { HelloOffer, HelloRequest } from '../../src/wire/hello.ts';
import { bytesOf, costOf, hexOf, holds } from './frame-samples.ts';

const offer: HelloOffer = { server: 'omnigate/0.1.0', transports: ['oap', 'oaps'], compression: true, revocationSeq: 3 };
const full: HelloRequest = {
  client: 'test/1',
  versions: [1],
  max_frame: 65_536,
  max_inflight: 10,
  initial_window: 131_072,
  supported_flags: 255,
  transports: ['oap'],
};

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

/** The verdict on a body: the encoding, or the reason with the field. */
function verdict(body: Uint8Array): string {
  const result = decodeHelloRequest(body);
  return result.ok ? result.encoding : [result.reject.reason, ...(result.field === undefined ? [] : [result.field])].join(' ');
}

void t.test('the request may be empty, MessagePack or JSON', (t) => {
  t.strictSame(decodeHelloRequest(bytesOf('')), { ok: true, encoding: 'msgpack', request: {} });
  t.strictSame(decodeHelloRequest(bytesOf('80')), { ok: true, encoding: 'msgpack', request: {} });
  t.strictSame(decodeHelloRequest(json('{}')), { ok: true, encoding: 'json', request: {} });
  t.strictSame(decodeHelloRequest(json(full)), { ok: true, encoding: 'json', request: full });
  t.strictSame(decodeHelloRequest(encodeHelloRequest(full)), { ok: true, encoding: 'msgpack', request: full });
  const byHand = bytesOf('82 a8 76657273696f6e73 91 01 a9 6d61785f6672616d65 ce 00010000');
  t.strictSame(decodeHelloRequest(byHand), { ok: true, encoding: 'msgpack', request: { versions: [1], max_frame: 65_536 } });
  t.equal(hexOf(encodeHelloRequest({ versions: [1] })), hexOf(bytesOf('81 a8 76657273696f6e73 91 01')));
  t.strictSame(decodeHelloRequest(encodeHelloRequest({ client: 'x', ...({ max_frame: undefined } as object) })), { ok: true, encoding: 'msgpack', request: { client: 'x' } });
  t.end();
});

void t.test('every encoding of an integer in range is accepted', (t) => {
  const field = 'a9 6d61785f6672616d65';
  for (const one of ['05', 'cc 05', 'cd 0005', 'ce 00000005', 'cf 0000000000000005', 'd0 05', 'd1 0005', 'd2 00000005', 'd3 0000000000000005', 'ca 40a00000', 'cb 4014000000000000']) {
    t.match(decodeHelloRequest(bytesOf('81', field, one)), { ok: true, request: { max_frame: 5 } }, one);
  }
  t.equal(verdict(bytesOf('81', field, 'cf 001fffffffffffff')), 'msgpack', '2^53 - 1');
  t.equal(verdict(bytesOf('81', field, 'cf 0020000000000000')), 'bad_hello max_frame', '2^53');
  t.equal(verdict(bytesOf('81', field, 'cf ffffffffffffffff')), 'bad_hello max_frame', '2^64 - 1');
  t.equal(verdict(bytesOf('81', field, 'd0 ff')), 'bad_hello max_frame', '-1');
  t.end();
});

void t.test('an ill-typed field is named, in both encodings', (t) => {
  const notCounts: readonly unknown[] = [-1, 1.5, '1', true, null, [], {}, 2 ** 53];
  const notTexts: readonly unknown[] = [1, true, null, {}, 'x'.repeat(HELLO_TEXT_CHARS_MAX + 1)];
  const wrong: Readonly<Record<keyof HelloRequest, readonly unknown[]>> = {
    client: [...notTexts, ['x']],
    versions: [1, '1', null, {}, [1, '1'], [1, -1], [1, 1.5], [1, null], [1, [1]], new Array<number>(HELLO_VERSIONS_MAX + 1).fill(1)],
    max_frame: notCounts,
    max_inflight: notCounts,
    initial_window: notCounts,
    supported_flags: notCounts,
    transports: [...notTexts, 'oap', ...notTexts.map((text) => ['oap', text]), new Array<string>(HELLO_VERSIONS_MAX + 1).fill('oap')],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      for (const body of [encode({ [field]: value }), json({ [field]: value })]) {
        t.equal(verdict(body), `bad_hello ${field}`, `${field}: ${JSON.stringify(value).slice(0, 60)}`);
      }
    }
  }
  t.equal(verdict(encode({ client: new Uint8Array(3) })), 'bad_hello client', 'binary is no text');
  t.equal(verdict(encode({ max_frame: Number.NaN })), 'bad_hello max_frame');
  t.equal(verdict(encode({ max_frame: Infinity })), 'bad_hello max_frame');
  t.end();
});

void t.test('bounds are met exactly, and fields nobody knows are ignored', (t) => {
  const most: HelloRequest & Record<string, unknown> = {
    client: 'x'.repeat(HELLO_TEXT_CHARS_MAX),
    versions: [...new Array<number>(HELLO_VERSIONS_MAX - 1).fill(9), 1],
    max_frame: Number.MAX_SAFE_INTEGER,
    transports: new Array<string>(HELLO_VERSIONS_MAX).fill('x'.repeat(HELLO_TEXT_CHARS_MAX)),
    shoe_size: { european: 43 },
    toString: null,
  };
  t.equal(verdict(encode(most)), 'msgpack');
  t.equal(verdict(json(most)), 'json');
  t.end();
});

void t.test('a client without version 1 is told so', (t) => {
  for (const versions of [[], [0], [2], [2, 3], [65_535]]) {
    t.equal(verdict(encode({ versions })), 'bad_version versions', `${versions.join()} in MessagePack`);
    t.equal(verdict(json({ versions })), 'bad_version versions', `${versions.join()} in JSON`);
  }
  t.equal(verdict(encode({ versions: [2, 1] })), 'msgpack');
  t.equal(verdict(encode({ versions: [2], max_frame: '1' })), 'bad_hello max_frame', 'an ill-typed field comes first');
  t.end();
});

void t.test('a body that is no map is refused', (t) => {
  const bodies: readonly (readonly [string, Uint8Array])[] = [
    ['nil', bytesOf('c0')],
    ['an array', bytesOf('90')],
    ['a string', bytesOf('a0')],
    ['a timestamp', bytesOf('d6 ff 00000001')],
    ['an extension', bytesOf('d4 05 01')],
    ['an unused byte', bytesOf('c1')],
    ['a cut map', bytesOf('81')],
    ['a map and a byte', bytesOf('80 00')],
    ['the key __proto__', bytesOf('81 a9 5f5f70726f746f5f5f 81 a8 76657273696f6e73 91 02')],
    ['a JSON array', json('[]')],
    ['a JSON string', json('"{}"')],
    ['JSON behind a blank', json(' {}')],
    ['cut JSON', json('{"versions":[1]')],
    ['JSON and a byte', json('{}x')],
    ['JSON in Latin-1', bytesOf(hexOf(json('{"client":"')), 'e9', hexOf(json('"}')))],
    ['JSON behind a byte order mark', bytesOf('efbbbf 7b7d')],
  ];
  for (const [name, body] of bodies) t.equal(verdict(body), 'bad_hello', name);
  const whole = encodeHelloRequest(full);
  const cut = Array.from(whole, (_, length) => verdict(whole.subarray(0, length)));
  t.strictSame(new Set(cut.slice(1)), new Set(['bad_hello']), 'MessagePack cut at every byte');
  const text = json(full);
  const cutText = Array.from(text, (_, length) => verdict(text.subarray(0, length)));
  t.strictSame(new Set(cutText.slice(1)), new Set(['bad_hello']), 'JSON cut at every byte');
  t.end();
});

void t.test('no HELLO costs memory or time', (t) => {
  const room = PREAUTH_FRAME_BYTES_MAX - 38;
  const fill = (pattern: Uint8Array): Uint8Array => Uint8Array.from({ length: room }, (_, i) => pattern[i % pattern.length] as number);
  const bodies: readonly (readonly [string, Uint8Array])[] = [
    ['arrays of 33,554,431', fill(bytesOf('dd 01ffffff'))],
    ['arrays of one', fill(bytesOf('91'))],
    ['maps of 65,535', fill(bytesOf('de ffff'))],
    ['JSON arrays', json(`{"a":${'['.repeat(room - 5)}`)],
    ['JSON objects', json('{"a":'.repeat(Math.floor(room / 5)))],
  ];
  for (const [name, body] of bodies) {
    const { result, cpuMs, heapBytes } = costOf(() => verdict(body));
    t.equal(result, 'bad_hello', name);
    t.ok(cpuMs < 50, `${name}: within 50 ms`);
    t.ok(heapBytes < 4_000_000, `${name}: without memory`);
  }
  t.end();
});

void t.test('a prototype cannot be set, in either encoding', (t) => {
  const result = decodeHelloRequest(json('{"__proto__":{"max_frame":"x"},"constructor":{"prototype":{"max_frame":1}}}'));
  t.ok(result.ok);
  t.equal(result.ok && result.request.max_frame, undefined);
  t.equal(({} as Record<string, unknown>).max_frame, undefined);
  t.end();
});

void t.test('the smaller of two limits holds, within our bounds', (t) => {
  const agreed = (request: HelloRequest, more: Partial<HelloOffer> = {}) => {
    const { reply, agreed: terms } = negotiateHello(request, { ...offer, ...more });
    t.equal(terms.frameBytesMax, reply.max_frame, 'what is told is what holds');
    t.equal(terms.inflightMax, reply.max_inflight);
    return terms;
  };
  const frames: readonly (readonly [number | undefined, number])[] = [
    [undefined, FRAME_BYTES_MAX],
    [0, FRAME_BYTES_MAX_FLOOR],
    [4_095, FRAME_BYTES_MAX_FLOOR],
    [4_097, 4_097],
    [FRAME_BYTES_MAX, FRAME_BYTES_MAX],
    [FRAME_BYTES_MAX + 1, FRAME_BYTES_MAX],
    [4 * 2 ** 30, FRAME_BYTES_MAX],
    [Number.MAX_SAFE_INTEGER, FRAME_BYTES_MAX],
  ];
  for (const [asked, given] of frames) t.equal(agreed(asked === undefined ? {} : { max_frame: asked }).frameBytesMax, given, `max_frame ${asked}`);
  const windows: readonly (readonly [number | undefined, number])[] = [
    [undefined, STREAM_WINDOW_BYTES],
    [0, STREAM_WINDOW_BYTES_MIN],
    [STREAM_WINDOW_BYTES_MIN - 1, STREAM_WINDOW_BYTES_MIN],
    [5_000, 5_000],
    [STREAM_WINDOW_BYTES_MAX + 1, STREAM_WINDOW_BYTES_MAX],
    [Number.MAX_SAFE_INTEGER, STREAM_WINDOW_BYTES_MAX],
  ];
  for (const [asked, given] of windows) t.equal(agreed(asked === undefined ? {} : { initial_window: asked }).replyWindowBytes, given, `initial_window ${asked}`);
  t.equal(agreed({}).inflightMax, INFLIGHT_REQUESTS_MAX);
  t.equal(agreed({ max_inflight: 0 }).inflightMax, 1);
  t.equal(agreed({ max_inflight: 7 }).inflightMax, 7);
  t.equal(agreed({ max_inflight: 1e9 }, { maxInflight: 20 }).inflightMax, 20);
  t.equal(agreed({}, { maxInflight: 20 }).inflightMax, 20);
  t.end();
});

void t.test('COMP is used when both sides offer it', (t) => {
  const comp = (flags: number | undefined, compression: boolean): boolean => {
    const { agreed } = negotiateHello(flags === undefined ? {} : { supported_flags: flags }, { ...offer, compression });
    return (agreed.flags & Flag.COMP) !== 0;
  };
  t.strictSame([comp(255, true), comp(64, true), comp(2 ** 32 + 64, true)], [true, true, true]);
  t.strictSame([comp(undefined, true), comp(191, true), comp(0, true), comp(255, false)], [false, false, false, false]);
  t.equal(negotiateHello({}, offer).reply.supported_flags, 255);
  t.equal(negotiateHello({}, { ...offer, compression: false }).reply.supported_flags, 191);
  t.end();
});

void t.test('a reply comes back as it was, in both encodings', (t) => {
  const { reply } = negotiateHello(full, { ...offer, idleTimeoutMs: 60_000 });
  t.match(reply, { server: 'omnigate/0.1.0', version: 1, versions: [1], transports: ['oap', 'oaps'], revocation_seq: 3, idle_timeout_ms: 60_000 });
  t.equal(encodeHelloReply(reply, 'json')[0], 0x7b);
  for (const encoding of ['json', 'msgpack'] as const) {
    const body = encodeHelloReply(reply, encoding);
    t.strictSame(decodeHelloReply(body), reply, encoding);
    const cut = Array.from(body, (_, length) => decodeHelloReply(body.subarray(0, length)));
    t.strictSame(new Set(cut), new Set([undefined]), `${encoding} cut at every byte is no reply`);
  }
  t.end();
});

void t.test('a reply of another node gets defaults for what is missing or ill-typed', (t) => {
  const defaults = negotiateHello({}, { ...offer, server: '', transports: [], revocationSeq: 0, compression: false }).reply;
  t.strictSame(decodeHelloReply(encode({ version: 1 })), defaults);
  const wrong = Object.fromEntries(Object.keys(defaults).map((field) => [field, field === 'version' ? 1 : null]));
  t.strictSame(decodeHelloReply(encode(wrong)), defaults);
  t.equal(decodeHelloReply(encode({ version: 1, max_ratio: 2.5 }))?.max_ratio, 2.5, 'a ratio may be a fraction');
  t.equal(decodeHelloReply(encode({ version: 1, max_ratio: Infinity }))?.max_ratio, defaults.max_ratio);
  t.equal(decodeHelloReply(encode({ version: 1, max_frame: 2 ** 40 }))?.max_frame, FRAME_BYTES_MAX);
  t.equal(decodeHelloReply(encode({ version: 1, max_frame: 1 }))?.max_frame, FRAME_BYTES_MAX_FLOOR);
  t.equal(decodeHelloReply(encode({ version: 1, max_inflight: 0 }))?.max_inflight, 1);
  t.end();
});

void t.test('a reply without version 1 is none', (t) => {
  for (const body of [bytesOf(''), bytesOf('80'), bytesOf('90'), bytesOf('c1'), json('{}'), json('{"version":2}'), encode({ version: 2 }), encode({ version: '1' }), bytesOf('dd 01ffffff')]) {
    t.equal(decodeHelloReply(body), undefined, hexOf(body));
  }
  t.end();
});

void t.test('any request in range is understood and answered within the bounds', (t) => {
  const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const texts = fc.array(fc.string({ maxLength: 40 }), { maxLength: 5 });
  const anyRequest = fc.record(
    { client: fc.string({ maxLength: 60 }), versions: fc.array(fc.nat(), { maxLength: 5 }).map((versions) => [...versions, 1]), max_frame: count, max_inflight: count, initial_window: count, supported_flags: count, transports: texts },
    { requiredKeys: [] },
  );
  const property = fc.property(anyRequest, fc.boolean(), (request, isJson) => {
    const result = decodeHelloRequest(isJson ? json(request) : encodeHelloRequest(request));
    if (!result.ok || JSON.stringify(result.request) !== JSON.stringify(request)) return false;
    const { reply, agreed } = negotiateHello(result.request, offer);
    const returned = decodeHelloReply(encodeHelloReply(reply, result.encoding));
    return (
      JSON.stringify(returned) === JSON.stringify(reply) &&
      agreed.frameBytesMax >= FRAME_BYTES_MAX_FLOOR && agreed.frameBytesMax <= FRAME_BYTES_MAX &&
      agreed.inflightMax >= 1 && agreed.inflightMax <= INFLIGHT_REQUESTS_MAX &&
      agreed.replyWindowBytes >= STREAM_WINDOW_BYTES_MIN && agreed.replyWindowBytes <= STREAM_WINDOW_BYTES_MAX
    );
  });
  holds(t, property, 3_000);
  t.end();
});

void t.test('no bytes make it throw', (t) => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: 'binary' }).map((text) => json(`{${text}`)));
  const property = fc.property(bytes, (body) => {
    const result = decodeHelloRequest(body);
    decodeHelloReply(body);
    return result.ok || result.reject.status === 400;
  });
  holds(t, property, 5_000);
  t.end();
});
