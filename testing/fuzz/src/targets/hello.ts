import { decodeHelloReply, decodeHelloRequest, encodeHelloReply, encodeHelloRequest, negotiateHello } from '@omnigate/kernel/wire';
import type { HelloReply, HelloRequest } from '@omnigate/kernel/wire';
import { decode, encode } from '@msgpack/msgpack';
import { isDeepStrictEqual } from 'node:util';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { modulesOf } from '../internals.ts';
import { vectorBytes, words } from '../vectors.ts';
import { changedMap, messagePackWords, randomMap } from './messagepack-maker.ts';

const FIELDS = ['client', 'versions', 'max_frame', 'max_inflight', 'initial_window', 'supported_flags', 'transports'] as const;
const REPLY_FIELDS = ['server', 'version', 'max_inflight_bytes', 'max_ratio', 'max_decompressed', 'revocation_seq', 'idle_timeout_ms'];
const OFFER = { server: 'omnigate', transports: ['tcp'], compression: true, revocationSeq: 0 } as const;

const REQUEST = { client: 'x/1', versions: [1], max_frame: 65_536, max_inflight: 8, initial_window: 65_536, supported_flags: 255, transports: ['tcp'] };
const REPLY = { ...REQUEST, server: 'y/1', version: 1, max_inflight_bytes: 1, max_ratio: 10, max_decompressed: 1, revocation_seq: 0, idle_timeout_ms: 1 };

/**
 * Both directions of HELLO, MessagePack and JSON. Nothing is thrown; what a
 * request says is the same in the other encoding; what is agreed is within the
 * bounds of both sides; a reply is read back as it was written.
 */
export function openHello(): Promise<Target> {
  const json = FIELDS.map((field) => `"${field}":`);
  return Promise.resolve({
    name: 'hello',
    covers: [modulesOf('kernel', 'wire/')],
    seeds: vectorBytes('hello', 'request', 'reply'),
    dictionary: [...messagePackWords([...FIELDS, ...REPLY_FIELDS]), ...words('{', '}', '[1]', '[', ']', ',', '"', 'null', '1e400', '-0', '9007199254740993', '"\\ud800"', '"__proto__":', ...json)],
    bytesMax: 4_096,
    generate: (random) => (random.oneIn(4) ? randomMap(random, [...FIELDS, ...REPLY_FIELDS]) : changedMap(random, random.oneIn(2) ? REQUEST : REPLY, [...FIELDS, ...REPLY_FIELDS])),
    run(input) {
      const asReply = readReply(input);
      return readRequest(input) || asReply;
    },
  });
}

function readRequest(input: Uint8Array): boolean {
  const result = decodeHelloRequest(input);
  if (!result.ok) {
    expect(['bad_hello', 'bad_version'].includes(result.reject.reason), 'reason', () => `refused with ${result.reject.reason}`);
    return false;
  }
  const { request, encoding } = result;
  expect((input[0] === 0x7b) === (encoding === 'json'), 'encoding', () => `read as ${encoding}`);
  const known = Object.fromEntries(FIELDS.flatMap((field) => (request[field] === undefined ? [] : [[field, request[field]]]))) as HelloRequest;
  const asJson = JSON.stringify(known);
  // Only JSON can say a text that begins with a byte order mark (specs/oap-1.md §1).
  const asMessagePack = asJson.includes('"\ufeff') ? [] : [encodeHelloRequest(known)];
  for (const bytes of [new Uint8Array(Buffer.from(asJson)), ...asMessagePack]) {
    const again = decodeHelloRequest(bytes);
    expect(again.ok && isDeepStrictEqual(plain(again.request), plain(known)), 'round-trip', () => `${asJson} is read back as ${JSON.stringify(again)}`);
  }
  const { reply, agreed } = negotiateHello(request, OFFER);
  const within =
    agreed.frameBytesMax >= 1 && agreed.frameBytesMax <= 1_048_576 && agreed.inflightMax >= 1 && agreed.inflightMax <= 1_024 &&
    Number.isSafeInteger(agreed.replyWindowBytes) && agreed.flags >= 0 && agreed.flags <= 0xff;
  expect(within, 'bounds', () => JSON.stringify(agreed));
  const back = decodeHelloReply(encodeHelloReply(reply, encoding));
  expect(isDeepStrictEqual(plain(back), plain(reply)), 'round-trip', () => `the reply ${JSON.stringify(reply)} is read back as ${JSON.stringify(back)}`);
  return true;
}

/** As a client reads it: whatever the node says, the client works with sane numbers. */
function readReply(input: Uint8Array): boolean {
  const reply = decodeHelloReply(input);
  if (reply === undefined) return false;
  const counts: (keyof HelloReply)[] = ['max_frame', 'max_inflight', 'max_inflight_bytes', 'supported_flags', 'initial_window', 'max_decompressed', 'revocation_seq', 'idle_timeout_ms'];
  for (const field of counts) {
    const value = reply[field];
    expect(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, 'bounds', () => `${field} is ${String(value)}`);
  }
  expect(reply.max_frame <= 1_048_576 && reply.max_inflight >= 1 && reply.max_ratio > 0, 'bounds', () => JSON.stringify(reply));
  const again = decodeHelloReply(encodeHelloReply(reply, 'msgpack'));
  expect(isDeepStrictEqual(plain(again), plain(reply)), 'round-trip', () => `${JSON.stringify(reply)} is read back as ${JSON.stringify(again)}`);
  return true;
}

/** What equals itself whatever its prototype, and has no negative zero. */
function plain(value: unknown): unknown {
  return decode(encode(value, { ignoreUndefined: true }));
}
