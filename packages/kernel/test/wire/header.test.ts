import fc from 'fast-check';
import t from 'tap';
import { CAPABILITY_BYTES_MAX, FRAME_BYTES_MAX, HEADER_BYTES } from '../../src/limits.ts';
import { createHeader, Flag, headerReject, KIND_MASK, lengthReject, Offset, readHeader, UNKNOWN_FLAGS_MASK, VERSION, writeHeader } from '../../src/wire/header.ts';
import type { FrameHeader } from '../../src/wire/header.ts';
import { bytesOf, hexOf, holds } from './frame-samples.ts';

/** Each byte of each field is another one, and every 32-bit word has its sign bit set. */
const byHand = bytesOf('81828384', '8586', '8788', '898a', '8b8c', '8d8e8f90 91929394 95969798 999a9b9c', '9d9e', 'a1a2a3a4 a5a6a7a8');
const fields: FrameHeader = {
  len: 0x81828384,
  ver: 0x8586,
  flags: 0x8788,
  code: 0x898a,
  app: 0x8b8c,
  tenant0: 0x8d8e8f90 | 0,
  tenant1: 0x91929394 | 0,
  tenant2: 0x95969798 | 0,
  tenant3: 0x999a9b9c | 0,
  capLen: 0x9d9e,
  corrHi: 0xa1a2a3a4 | 0,
  corrLo: 0xa5a6a7a8 | 0,
};

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A legal header with some fields changed. */
function header(changes: Partial<FrameHeader> = {}): FrameHeader {
  return { ...createHeader(), len: 8_192, flags: Flag.REQ | Flag.START, ...changes };
}

function reason(changes: Partial<FrameHeader>, frameBytesMax = FRAME_BYTES_MAX): string | undefined {
  return headerReject(header(changes), frameBytesMax)?.reason;
}

void t.test('a header is its 38 bytes, at any place', (t) => {
  t.equal(byHand.length, HEADER_BYTES);
  for (const at of [0, 1, 7]) {
    const room = new Uint8Array(HEADER_BYTES + 16).fill(0xee);
    room.set(byHand, at);
    const read = createHeader();
    readHeader(viewOf(room), at, read);
    t.strictSame(read, fields, `read at ${at}`);
    const written = new Uint8Array(HEADER_BYTES + 16).fill(0xee);
    writeHeader(viewOf(written), at, fields);
    t.equal(hexOf(written), hexOf(room), `written at ${at}, and nothing beside it`);
  }
  const inside = new Uint8Array(HEADER_BYTES + 5);
  inside.set(byHand, 5);
  const read = createHeader();
  readHeader(viewOf(inside.subarray(5)), 0, read);
  t.strictSame(read, fields, 'read through a view that begins inside a buffer');
  t.end();
});

void t.test('a new header has every field 0 and the version', (t) => {
  t.strictSame(Object.values(createHeader()), [0, VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  t.strictSame(Object.keys(createHeader()), Object.keys(fields), 'the fields are those of the specification, in order');
  t.end();
});

void t.test('flags and offsets are those of the specification', (t) => {
  t.strictSame(Flag, { REQ: 1, RESP: 2, EVENT: 4, START: 8, END: 16, ACK_REQ: 32, COMP: 64, APP_E2E: 128 });
  t.equal(KIND_MASK, 7);
  t.equal(UNKNOWN_FLAGS_MASK, 0xff00);
  t.strictSame(Offset, { LEN: 0, VER: 4, FLAGS: 6, CODE: 8, APP: 10, TENANT: 12, CAP_LEN: 28, CORR: 30 });
  t.end();
});

void t.test('a length is refused below 38 and above the bound', (t) => {
  const verdicts: readonly (readonly [number, string | undefined])[] = [
    [0, 'bad_length'],
    [37, 'bad_length'],
    [38, undefined],
    [4_096, undefined],
    [4_097, 'frame_too_large'],
    [2 ** 31, 'frame_too_large'],
    [2 ** 32 - 1, 'frame_too_large'],
  ];
  for (const [len, expected] of verdicts) {
    t.equal(lengthReject(len, 4_096)?.reason, expected, `${len} alone`);
    t.equal(reason({ len }, 4_096), expected, `${len} in a header`);
  }
  t.end();
});

void t.test('every value of version, flags and cap_len gets its verdict', (t) => {
  const wrong: string[] = [];
  const expect = (changes: Partial<FrameHeader>, expected: string | undefined): void => {
    const given = reason(changes);
    if (given !== expected) wrong.push(`${JSON.stringify(changes)}: ${given} instead of ${expected}`);
  };
  for (let value = 0; value <= 0xffff; value++) {
    expect({ ver: value }, value === 1 ? undefined : 'bad_version');
    expect({ flags: value }, value > 0xff ? 'bad_flags' : undefined);
    expect({ capLen: value }, value > CAPABILITY_BYTES_MAX ? 'cap_too_large' : undefined);
    expect({ capLen: value, flags: Flag.REQ }, value === 0 ? undefined : 'cap_on_nonstart');
    if (value <= CAPABILITY_BYTES_MAX) {
      expect({ capLen: value, len: HEADER_BYTES + value }, undefined);
      expect({ capLen: value + 1, len: HEADER_BYTES + value }, value === CAPABILITY_BYTES_MAX ? 'cap_too_large' : 'bad_cap_len');
    }
  }
  t.strictSame(wrong, []);
  t.end();
});

void t.test('of several faults the first in the order of the specification is named', (t) => {
  const noStart = { flags: Flag.REQ, capLen: 1 };
  const ordered: readonly (readonly [string, Partial<FrameHeader>])[] = [
    ['bad_length', { len: 37 }],
    ['frame_too_large', { len: FRAME_BYTES_MAX + 1 }],
    ['bad_version', { ver: 2 }],
    ['bad_flags', { flags: 0x8000 }],
    ['cap_on_nonstart', noStart],
    ['cap_too_large', { capLen: CAPABILITY_BYTES_MAX + 1 }],
    ['bad_cap_len', { len: HEADER_BYTES + 9, capLen: 10 }],
  ];
  for (const [i, [first, fault]] of ordered.entries()) {
    t.equal(reason(fault), first, first);
    for (const [second, other] of ordered.slice(i + 1)) t.equal(reason({ ...other, ...fault }), first, `${first} with ${second}`);
  }
  t.equal(reason({ ...noStart, capLen: 5_000 }), 'cap_on_nonstart', 'without START no ceiling matters');
  t.equal(reason({ ...noStart, capLen: 10, len: HEADER_BYTES + 9 }), 'cap_on_nonstart', 'nor does the length');
  t.equal(reason({ capLen: 5_000, len: HEADER_BYTES + 9 }), 'cap_too_large', 'the ceiling comes before the length');
  t.end();
});

void t.test('what is written is read back', (t) => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  const short = fc.nat({ max: 0xffff });
  const anyHeader = fc.record({
    len: fc.nat({ max: 2 ** 32 - 1 }),
    ver: short,
    flags: short,
    code: short,
    app: short,
    tenant0: word,
    tenant1: word,
    tenant2: word,
    tenant3: word,
    capLen: short,
    corrHi: word,
    corrLo: word,
  });
  const property = fc.property(anyHeader, fc.nat({ max: 40 }), (original, at) => {
    const view = viewOf(new Uint8Array(at + HEADER_BYTES));
    writeHeader(view, at, original);
    const read = createHeader();
    readHeader(view, at, read);
    return Object.entries(original).every(([field, value]) => read[field as keyof FrameHeader] === value);
  });
  holds(t, property, 5_000);
  t.end();
});
