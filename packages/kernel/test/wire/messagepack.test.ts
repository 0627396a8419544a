import { isDeepStrictEqual } from 'node:util';
import { decode, encode } from '@msgpack/msgpack';
import type { DecoderOptions } from '@msgpack/msgpack';
import fc from 'fast-check';
import t from 'tap';
import { FRAME_BYTES_MAX, HEADER_BYTES, MESSAGEPACK_DEPTH_MAX, MESSAGEPACK_ITEMS_MAX } from '../../src/limits.ts';
import { decodeMap, isCount, isDecodable } from '../../src/wire/messagepack.ts';
import { decodePlainMap } from '../../src/wire/plain-messagepack.ts';
import { bytesOf, costOf, hexOf, holds, join } from './frame-samples.ts';

/** The largest body there is. */
const BODY_BYTES = FRAME_BYTES_MAX - HEADER_BYTES;
/** A refusal reads heads only: a megabyte of them takes a few milliseconds, and memory does not grow. */
const REFUSAL_CPU_MS_MAX = 100;
const REFUSAL_HEAP_BYTES_MAX = 8_000_000;

/** `depth` arrays inside each other around `core`. */
function nested(depth: number, core: Uint8Array): Uint8Array {
  return join([new Uint8Array(depth).fill(0x91), core]);
}

/** `bytes` filled with the same few bytes over and over, cut where the room ends. */
function filled(bytes: number, pattern: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => pattern[i % pattern.length] as number);
}

void t.test('one value of every format is decodable, whole and in no other way', (t) => {
  const values: readonly (readonly [string, Uint8Array])[] = [
    ['positive fixint', bytesOf('7f')],
    ['negative fixint', bytesOf('e0')],
    ['empty map', bytesOf('80')],
    ['map of 2', bytesOf('82 a161 01 a162 02')],
    ['empty array', bytesOf('90')],
    ['array of 15', bytesOf('9f', '00'.repeat(15))],
    ['fixstr', bytesOf('a3 616263')],
    ['fixstr of 31', bytesOf('bf', '61'.repeat(31))],
    ['nil', bytesOf('c0')],
    ['false', bytesOf('c2')],
    ['true', bytesOf('c3')],
    ['bin 8', bytesOf('c4 02 0001')],
    ['bin 16', bytesOf('c5 0002 0001')],
    ['bin 32', bytesOf('c6 00000002 0001')],
    ['ext 8', bytesOf('c7 02 05 0001')],
    ['ext 16', bytesOf('c8 0002 05 0001')],
    ['ext 32', bytesOf('c9 00000002 05 0001')],
    ['float 32', bytesOf('ca 3f800000')],
    ['float 64', bytesOf('cb 3ff0000000000000')],
    ['uint 8', bytesOf('cc ff')],
    ['uint 16', bytesOf('cd ffff')],
    ['uint 32', bytesOf('ce ffffffff')],
    ['uint 64', bytesOf('cf 0000000100000000')],
    ['int 8', bytesOf('d0 80')],
    ['int 16', bytesOf('d1 8000')],
    ['int 32', bytesOf('d2 80000000')],
    ['int 64', bytesOf('d3 ffffffff00000000')],
    ['fixext 1', bytesOf('d4 05 01')],
    ['fixext 2', bytesOf('d5 05 0102')],
    ['fixext 4', bytesOf('d6 05 01020304')],
    ['fixext 8', bytesOf('d7 05 0102030405060708')],
    ['fixext 16', bytesOf('d8 05', '01'.repeat(16))],
    ['str 8', bytesOf('d9 02 6162')],
    ['str 16', bytesOf('da 0002 6162')],
    ['str 32', bytesOf('db 00000002 6162')],
    ['array 16', bytesOf('dc 0002 01 02')],
    ['array 32', bytesOf('dd 00000002 01 02')],
    ['map 16', bytesOf('de 0001 a161 02')],
    ['map 32', bytesOf('df 00000001 a161 02')],
    ['a mixture', bytesOf('82 a161 93 80 90 c4 01 00 a162 81 a163 dc 0001 d4 05 00')],
  ];
  for (const [name, bytes] of values) {
    t.ok(isDecodable(bytes), name);
    t.doesNotThrow(() => decode(bytes), `${name} is what the decoder takes it for`);
    const cut = Array.from(bytes, (_, length) => length).filter((length) => isDecodable(bytes.subarray(0, length)));
    t.strictSame(cut, [], `${name}, cut anywhere, is not`);
    t.notOk(isDecodable(join([bytes, bytesOf('00')])), `${name} with a byte behind is not`);
  }
  t.notOk(isDecodable(bytesOf('c1')), 'the byte that is never used');
  t.end();
});

void t.test('declared sizes that the bytes cannot hold are refused at once, in constant memory', (t) => {
  const hostile: readonly (readonly [string, Uint8Array])[] = [
    ['an array of 33,554,431 in 5 bytes', bytesOf('dd 01ffffff')],
    ['an array of 2^32 - 1', bytesOf('dd ffffffff')],
    ['an array of 65,535 in 3 bytes', bytesOf('dc ffff')],
    ['a map of 2^32 - 1', bytesOf('df ffffffff')],
    ['a map of 2^31, which is 0 in 32 bits when doubled', bytesOf('df 80000000')],
    ['a string of 4 GiB', bytesOf('db ffffffff 61')],
    ['binary of 4 GiB', bytesOf('c6 ffffffff 00')],
    ['an extension of 4 GiB', bytesOf('c9 ffffffff 05')],
    ['a HELLO full of arrays of 33,554,431', filled(4_058, bytesOf('dd 01ffffff'))],
    ['a frame full of arrays of 33,554,431', filled(BODY_BYTES, bytesOf('dd 01ffffff'))],
    ['a frame full of arrays of 65,535', filled(BODY_BYTES, bytesOf('dc ffff'))],
    ['arrays that each promise the rest of the frame', filled(BODY_BYTES, bytesOf('dd 00008000'))],
    ['a megabyte of arrays of one', new Uint8Array(BODY_BYTES).fill(0x91)],
    ['a megabyte of maps of one', new Uint8Array(BODY_BYTES).fill(0x81)],
    ['a million empty maps', join([bytesOf('dd 000f0000'), new Uint8Array(0x0f0000).fill(0x80)])],
    ['a million numbers', join([bytesOf('dd 000f0000'), new Uint8Array(0x0f0000)])],
    ['a map behind, out of reach', join([bytesOf('81 a161 dd 01ffffff'), encode({ a: 1 })])],
  ];
  for (const [name, bytes] of hostile) {
    const { result, cpuMs, heapBytes } = costOf(() => decodeMap(bytes));
    t.equal(result, undefined, name);
    t.notOk(isDecodable(bytes), `${name}: by the guard`);
    t.ok(cpuMs < REFUSAL_CPU_MS_MAX, `${name}: within ${REFUSAL_CPU_MS_MAX} ms`);
    t.ok(heapBytes < REFUSAL_HEAP_BYTES_MAX, `${name}: without memory`);
  }
  t.end();
});

void t.test('no text begins with a byte order mark, which the decoder would drop from a long one', (t) => {
  const mark = '\ufeff';
  const long = 'x'.repeat(300);
  t.equal((decode(encode(mark + long)) as string).length, long.length, 'so it does');
  for (const text of [mark, `${mark}a`, `${mark}${'a'.repeat(40)}`, mark + long, mark + 'x'.repeat(70_000)]) {
    t.notOk(isDecodable(encode(text)), `${text.length} characters`);
    t.equal(decodeMap(encode({ [text]: 1 })), undefined, 'as key');
    t.equal(decodeMap(encode({ a: [text] })), undefined, 'as value');
  }
  for (const text of ['a\ufeff', '\uffef', '\ufefe', 'ï»¿']) t.strictSame(decodeMap(encode({ text: text + long })), { text: text + long }, JSON.stringify(text));
  t.ok(isDecodable(encode(Buffer.from(mark + long))), 'binary may');
  t.end();
});

void t.test('every text is UTF-8, wherever it stands', (t) => {
  for (const text of ['ff', '80', 'c3', 'c0af', 'eda080', 'f4908080', 'efbb', '61ff', 'c3a9c3']) {
    const bytes = bytesOf(text);
    const short = Buffer.concat([Buffer.of(0xa0 | bytes.length), bytes]);
    const long = Buffer.concat([Buffer.of(0xd9, bytes.length + 200), Buffer.alloc(200, 'x'), bytes]);
    for (const wire of [short, long]) {
      t.notOk(isDecodable(wire), text);
      t.equal(decodeMap(Buffer.concat([Buffer.of(0x81), wire, Buffer.of(1)])), undefined, `${text} as key`);
      t.equal(decodeMap(Buffer.concat([bytesOf('81 a161 91'), wire])), undefined, `${text} as value`);
    }
    t.ok(isDecodable(encode(bytes)), `${text} as bin`);
  }
  t.notOk(isDecodable(bytesOf('92 a1 c3 c4 01 a9')), 'what another value would complete');
  t.end();
});

void t.test('nesting and number of values have their exact bounds', (t) => {
  for (const core of [bytesOf('90'), bytesOf('80'), bytesOf('9101'), bytesOf('81a16101')]) {
    t.ok(isDecodable(nested(MESSAGEPACK_DEPTH_MAX - 1, core)), `${hexOf(core)} in the innermost level`);
    t.notOk(isDecodable(nested(MESSAGEPACK_DEPTH_MAX, core)), `${hexOf(core)} one level below`);
  }
  t.ok(isDecodable(nested(MESSAGEPACK_DEPTH_MAX, bytesOf('01'))), 'a number is no level');
  for (const sibling of ['90', '91 01', '91 91 01', '81 01 91 80']) {
    const many = bytesOf('dc 03e8', sibling.repeat(1_000));
    t.ok(isDecodable(nested(MESSAGEPACK_DEPTH_MAX - 4, many)), `${sibling}, a thousand beside each other, are not deep`);
  }
  const array = (items: number): Uint8Array => encode(new Array<number>(items).fill(0));
  t.ok(isDecodable(array(MESSAGEPACK_ITEMS_MAX - 1)), 'as many values as may be, the array counted');
  t.notOk(isDecodable(array(MESSAGEPACK_ITEMS_MAX)), 'and one more');
  t.ok(isDecodable(encode(new Uint8Array(BODY_BYTES - 10))), 'binary of a whole frame is one value');
  t.end();
});

void t.test('only a map of plain values is a map', (t) => {
  const others: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', bytesOf('')],
    ['nil', bytesOf('c0')],
    ['a number', bytesOf('01')],
    ['a string', bytesOf('a161')],
    ['an array', bytesOf('90')],
    ['binary', bytesOf('c400')],
    ['an extension', bytesOf('d4 05 01')],
    ['a timestamp', bytesOf('d6 ff 00000001')],
    ['two maps', bytesOf('8080')],
    ['a key that is an array', bytesOf('81 90 01')],
    ['a key that is a map', bytesOf('81 80 01')],
    ['a key that is nil', bytesOf('81 c0 01')],
    ['the key __proto__', bytesOf('81 a9 5f5f70726f746f5f5f 80')],
    ['the key __proto__ further in', bytesOf('81 a161 81 a9 5f5f70726f746f5f5f 80')],
    ['a timestamp of a wrong size', bytesOf('81 a161 c7 03 ff 000000')],
  ];
  for (const [name, bytes] of others) t.equal(decodeMap(bytes), undefined, name);
  t.strictSame(decodeMap(bytesOf('80')), {});
  t.strictSame(decodeMap(bytesOf('82 ab 636f6e7374727563746f72 01 a8 746f537472696e67 02')), { constructor: 1, toString: 2 }, 'names of Object are ordinary keys');
  t.match(decodeMap(bytesOf('81 a161 d4 05 01'))?.a, { type: 5, data: bytesOf('01') }, 'an extension inside is a value nobody knows');
  t.equal(({} as Record<string, unknown>).polluted, undefined);
  t.end();
});

void t.test('counts are integers that a number can hold', (t) => {
  for (const value of [0, 1, 65_536, 2 ** 32, Number.MAX_SAFE_INTEGER]) t.ok(isCount(value), String(value));
  for (const value of [-1, 1.5, Number.NaN, Infinity, 2 ** 53, '1', 1n, null, undefined, true, [1]]) t.notOk(isCount(value), String(value));
  t.end();
});

const anyValue = fc.anything({
  values: [fc.string(), fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null), fc.uint8Array()],
  withTypedArray: false,
  key: fc.string().filter((key) => key !== '__proto__'),
  maxDepth: 6,
});

void t.test('what an encoder writes is decodable, and not when it is cut', (t) => {
  const property = fc.property(anyValue, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (value, part) => {
    const bytes = encode(value);
    return isDecodable(bytes) && !isDecodable(bytes.subarray(0, Math.floor(bytes.length * part)));
  });
  holds(t, property, 5_000);
  t.end();
});

void t.test('a plain map is read as the decoder reads it, and nothing else is', (t) => {
  const plainValue = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'binary-ascii', maxLength: 300 }), fc.maxSafeNat(), fc.nat({ max: 300 }), fc.boolean(), fc.constant(null), fc.uint8Array({ maxLength: 300 }),
      fc.array(tie('value'), { maxLength: 20 }), tie('map'),
    ),
    map: fc.dictionary(fc.string({ unit: 'binary-ascii', maxLength: 31 }).filter((key) => key !== '__proto__'), tie('value'), { maxKeys: 20, noNullPrototype: true }),
  })).map;
  holds(t, fc.property(plainValue, (map) => isDeepStrictEqual(decodePlainMap(encode(map)), decode(encode(map)))), 2_000);
  for (const hex of ['81 a9 5f5f70726f746f5f5f 01', '81 01 02', '81 a161 ca 3f800000', '81 a161 ff', '81 a162 d4 0501', '81 a161 a2 c3a9', '81 a161 cf ffffffffffffffff', '91 01', '81 a161 dd 00000001 01', 'df 00000001 a161 02']) {
    t.equal(decodePlainMap(bytesOf(hex)), undefined, `${hex} is left to the library`);
  }
  t.end();
});

void t.test('damaged bytes that are read as a plain map are what the decoder reads, and nothing that the guard refuses', (t) => {
  const damage = fc.array(fc.record({ at: fc.nat({ max: 60 }), byte: fc.nat({ max: 255 }) }), { maxLength: 2 });
  const map = fc.dictionary(fc.constantFrom('a', 'id', 'messages', 'sent_at_ms'), fc.oneof(anyValue, fc.nat(), fc.array(fc.string())), { maxKeys: 5, noNullPrototype: true });
  const property = fc.property(map, damage, (value, changes) => {
    const bytes = encode(value).slice();
    for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
    const plain = decodePlainMap(bytes);
    return plain === undefined || (isDecodable(bytes) && isDeepStrictEqual(plain, decode(bytes)));
  });
  holds(t, property, 5_000);
  t.end();
});

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A text as it has to be; throws where its bytes are not. */
function properText(bytes: Uint8Array): string {
  const text = UTF8.decode(bytes);
  if (text.startsWith('\ufeff')) throw new TypeError('a byte order mark');
  return text;
}

/** Takes each key for another one, so that none hides what another has. */
function distinctKeys(): NonNullable<DecoderOptions['keyDecoder']> {
  let count = 0;
  return { canBeCached: () => true, decode: (bytes, at, length) => `${properText(bytes.subarray(at, at + length))} ${count++}` };
}

/** Throws where a text is not what its bytes are. */
function compareTexts(value: unknown, raw: unknown): void {
  if (typeof value === 'string') {
    if (properText(raw as Uint8Array) !== value) throw new TypeError('made up');
  } else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const [key, inner] of Object.entries(value)) compareTexts(inner, (raw as Record<string, unknown>)[key]);
  }
}

/** Whether the decoder can read some bytes, and made up no text. */
function isReadable(bytes: Uint8Array): boolean {
  // An array longer than its bytes is what must not reach the decoder; here too, the test would take the memory.
  const read = (rawStrings: boolean): unknown => decode(bytes, { maxArrayLength: 1_000, keyDecoder: distinctKeys(), rawStrings });
  try {
    compareTexts(read(false), read(true));
    return true;
  } catch {
    return false;
  }
}

void t.test('whatever the decoder can read of some bytes, the guard lets through', (t) => {
  const damage = fc.array(fc.record({ at: fc.nat({ max: 300 }), byte: fc.nat({ max: 255 }) }), { minLength: 1, maxLength: 4 });
  const damaged = fc.tuple(anyValue, damage).map(([value, changes]) => {
    const bytes = encode(value).slice();
    for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
    return bytes;
  });
  const short = fc.uint8Array({ maxLength: 24 });
  const property = fc.property(fc.oneof(damaged, short), (bytes) => isDecodable(bytes) || !isReadable(bytes));
  holds(t, property, 10_000);
  t.end();
});
