import fc from 'fast-check';
import t from 'tap';
import { CAPABILITY_BYTES_MAX, FRAME_BYTES_MAX, HEADER_BYTES } from '../../src/limits.ts';
import { decodeFrame, encodeFrame, TENANT_NONE } from '../../src/wire/frame.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { Flag } from '../../src/wire/header.ts';
import { anyFrame, bytesOf, hexOf, holds, join, seenOf } from './frame-samples.ts';

/** Frames and their bytes, both written by hand. */
const samples: readonly (readonly [string, Partial<Frame> & Pick<Frame, 'flags' | 'app'>, Uint8Array])[] = [
  [
    'a PING with nothing set that may be left out',
    { flags: Flag.REQ, app: 0, code: 1 },
    bytesOf('00000026 0001 0001 0001 0000', '00'.repeat(16), '0000', '00'.repeat(8)),
  ],
  [
    'an echo request with a capability',
    {
      flags: Flag.REQ | Flag.START | Flag.END,
      app: 1,
      code: 0,
      tenant: '00112233445566778899aabbccddeeff',
      corrId: 0xfedcba9876543210n,
      capability: bytesOf('c0c1c2'),
      payload: bytesOf('70717273 74'),
    },
    bytesOf('0000002e 0001 0019 0000 0001', '00112233445566778899aabbccddeeff', '0003', 'fedcba9876543210', 'c0c1c2', '7071727374'),
  ],
  [
    'a reply with every defined flag',
    { flags: 0xff, app: 0xffff, code: 507, tenant: 'f'.repeat(32), corrId: 2n ** 64n - 1n, payload: bytesOf('00') },
    bytesOf('00000027 0001 00ff 01fb ffff', 'ff'.repeat(16), '0000', 'ff'.repeat(8), '00'),
  ],
];

void t.test('frames are the bytes written by hand, both ways', (t) => {
  for (const [name, fields, bytes] of samples) {
    t.equal(hexOf(encodeFrame(fields)), hexOf(bytes), `${name}, encoded`);
    const whole: Frame = { code: 0, tenant: TENANT_NONE, corrId: 0n, capability: bytesOf(''), payload: bytesOf(''), ...fields };
    for (const [rest, behind] of [['nothing', bytesOf('')], ['another frame', bytes], ['rubbish', bytesOf('00')]] as const) {
      const result = decodeFrame(join([bytes, behind]));
      t.equal(result.verdict, 'ok', `${name}, decoded with ${rest} behind`);
      if (result.verdict !== 'ok') continue;
      t.strictSame(seenOf(result.frame), seenOf(whole));
      t.equal(result.bytes, bytes.length);
    }
  }
  t.end();
});

void t.test('every prefix of a frame needs more', (t) => {
  for (const [name, , bytes] of samples) {
    const verdicts = Array.from(bytes, (_, length) => decodeFrame(bytes.subarray(0, length)).verdict);
    t.strictSame(new Set(verdicts), new Set(['need']), `${name}: ${verdicts.length} prefixes`);
  }
  t.end();
});

void t.test('a fault is seen on the first byte that shows it', (t) => {
  const start = bytesOf('00000030 0001 0009');
  const faults: readonly (readonly [string, number, Uint8Array])[] = [
    ['bad_length', 4, bytesOf('00000025')],
    ['bad_length', 4, bytesOf('00000000')],
    ['frame_too_large', 4, bytesOf('00100001')],
    ['frame_too_large', 4, bytesOf('ffffffff')],
    ['bad_version', 6, bytesOf('00000030 0000')],
    ['bad_version', 6, bytesOf('00000030 0100')],
    ['bad_flags', 38, bytesOf('00000030 0001 0101')],
    ['cap_on_nonstart', 38, bytesOf('00000030 0001 0001', '00'.repeat(20), '0001')],
    ['cap_too_large', 38, join([start, bytesOf('00'.repeat(20), '1001')])],
    ['bad_cap_len', 38, join([start, bytesOf('00'.repeat(20), '000b')])],
  ];
  for (const [reason, shownAt, head] of faults) {
    const bytes = new Uint8Array(64);
    bytes.set(head);
    const verdicts = Array.from({ length: 65 }, (_, length) => {
      const result = decodeFrame(bytes.subarray(0, length));
      return result.verdict === 'err' ? result.reject.reason : result.verdict;
    });
    const expected = verdicts.map((_, length) => (length < shownAt ? 'need' : reason));
    t.strictSame(verdicts, expected, `${reason} of ${hexOf(head)} on byte ${shownAt}`);
  }
  t.end();
});

void t.test('capability and payload are views', (t) => {
  const bytes = encodeFrame({ flags: Flag.START, app: 1, capability: bytesOf('01'), payload: bytesOf('02') });
  const result = decodeFrame(bytes);
  bytes.fill(9, HEADER_BYTES);
  t.ok(result.verdict === 'ok' && result.frame.capability[0] === 9 && result.frame.payload[0] === 9);
  t.end();
});

void t.test('the longest frame is made and read, and the bound is the caller\'s to lower', (t) => {
  const payload = new Uint8Array(FRAME_BYTES_MAX - HEADER_BYTES).fill(7);
  const bytes = encodeFrame({ flags: Flag.REQ, app: 1, payload });
  t.equal(bytes.length, FRAME_BYTES_MAX);
  t.equal(decodeFrame(bytes).verdict, 'ok');
  t.match(decodeFrame(bytes, FRAME_BYTES_MAX - 1), { verdict: 'err', reject: { reason: 'frame_too_large' } });
  t.end();
});

void t.test('fields that make no frame are the caller\'s mistake', (t) => {
  const wrong: readonly (readonly [string, Partial<Frame>])[] = [
    ['an unknown flag', { flags: 0x100 }],
    ['flags beyond 16 bits', { flags: 0x10001 }],
    ['negative flags', { flags: -1 }],
    ['a code beyond 16 bits', { code: 65_536 }],
    ['a negative code', { code: -1 }],
    ['a fraction', { code: 1.5 }],
    ['no number', { code: Number.NaN }],
    ['an app beyond 16 bits', { app: 65_537 }],
    ['a corr_id beyond 64 bits', { corrId: 2n ** 64n }],
    ['a negative corr_id', { corrId: -1n }],
    ['a short tenant', { tenant: '00' }],
    ['a capability above the ceiling', { capability: new Uint8Array(CAPABILITY_BYTES_MAX + 1) }],
    ['a capability without START', { flags: Flag.REQ, capability: bytesOf('00') }],
    ['a frame above the bound', { payload: new Uint8Array(FRAME_BYTES_MAX - HEADER_BYTES + 1) }],
  ];
  for (const [name, fields] of wrong) {
    t.throws(() => encodeFrame({ flags: Flag.REQ | Flag.START, app: 1, ...fields }), RangeError, name);
  }
  t.equal(encodeFrame({ flags: Flag.START, app: 1, capability: new Uint8Array(CAPABILITY_BYTES_MAX) }).length, HEADER_BYTES + CAPABILITY_BYTES_MAX);
  t.end();
});

void t.test('what is encoded is decoded', (t) => {
  const property = fc.property(anyFrame, fc.uint8Array({ maxLength: 50 }), (frame, rest) => {
    const bytes = encodeFrame(frame);
    const result = decodeFrame(join([bytes, rest]));
    return result.verdict === 'ok' && result.bytes === bytes.length && JSON.stringify(seenOf(result.frame)) === JSON.stringify(seenOf(frame));
  });
  holds(t, property, 5_000);
  t.end();
});

void t.test('what is decoded from any bytes encodes to the same bytes', (t) => {
  const near = fc.tuple(anyFrame, fc.array(fc.record({ at: fc.nat({ max: 60 }), byte: fc.nat({ max: 255 }) }), { maxLength: 3 })).map(([frame, changes]) => {
    const bytes = encodeFrame(frame);
    for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte;
    return bytes;
  });
  const property = fc.property(fc.oneof(near, fc.uint8Array({ maxLength: 200 })), (bytes) => {
    const result = decodeFrame(bytes);
    return result.verdict !== 'ok' || hexOf(encodeFrame(result.frame)) === hexOf(bytes.subarray(0, result.bytes));
  });
  holds(t, property, 5_000);
  t.end();
});
