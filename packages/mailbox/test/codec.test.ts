import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import t from 'tap';
import { readU32Key, readU48Key, u32Key, u48Key } from '../src/codec/binary.ts';
import { advanceId, ID_BYTES, idToText, parseId } from '../src/codec/ids.ts';
import { decodeExtras, decodeMessage, encodeExtras, encodeMessage } from '../src/codec/message.ts';
import { decodeSlot, encodeSlot } from '../src/codec/slot.ts';
import { isTopicName } from '../src/codec/topic-name.ts';
import { scanTopics } from '../src/codec/topic-scan.ts';
import { Writer } from '../src/codec/writer.ts';

await t.test('ids are ULIDs that rise', (t) => {
  const last = Buffer.alloc(ID_BYTES);
  const full = (into: Uint8Array): void => {
    into.fill(0xff);
  };
  advanceId(last, 1_469_918_176_385, full);
  const first = last.toString('latin1');
  t.equal(idToText(first), '01ARYZ6S41FZZZZZZZZZZZZZZZ', 'the time of the ULID specification, and room above');
  t.equal(parseId(idToText(first)), first);
  advanceId(last, 1_469_918_176_385, full);
  const second = last.toString('latin1');
  t.equal(idToText(second), '01ARYZ6S41G000000000000000', 'the next one of the same millisecond');
  advanceId(last, 1_400_000_000_000, full);
  t.ok(last.toString('latin1') > second, 'when the clock goes back too');
  advanceId(last, 1_469_918_176_386, full);
  t.ok(idToText(last.toString('latin1')) > idToText(second));
  for (const text of ['', '01ARYZ6S41FZZZZZZZZZZZZZZ', '81ARYZ6S41FZZZZZZZZZZZZZZZ', '01aryz6s41fzzzzzzzzzzzzzzz', '01ARYZ6S41FZZZZZZZZZZZZZZU']) t.equal(parseId(text), undefined, text);
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
    const id = Buffer.from(bytes).toString('latin1');
    return parseId(idToText(id)) === id;
  }));
  t.end();
});

await t.test('numbers in keys sort as numbers', (t) => {
  const numbers = [0, 1, 255, 256, 65_535, 2 ** 31, 2 ** 32 - 1];
  t.same(numbers.map((n) => readU32Key(u32Key(n), 0)), numbers);
  const times = [...numbers, 2 ** 32, 1_800_000_000_000, 2 ** 48 - 1];
  t.same(times.map((n) => readU48Key(`x${u48Key(n)}`, 1)), times);
  t.same([...times].reverse().map(u48Key).sort(), times.map(u48Key));
  t.end();
});

await t.test('a message is stored with everything, and any changed byte is noticed', (t) => {
  const dead = { topic: 'a', reason: 'expired', deliveries: 3, at_ms: 1 } as const;
  const extras = { key: 'k', group: 'g', headers: { a: 'b' }, dead };
  const message = { priority: 9, endToEnd: true, sentAtMs: 1_800_000_000_000, expiresAtMs: 0, body: Buffer.from('body'), ...encodeExtras(extras) };
  const stored = encodeMessage(message);
  const decoded = decodeMessage(stored);
  t.match(decoded, { priority: 9, endToEnd: true, sentAtMs: 1_800_000_000_000, expiresAtMs: 0, body: Buffer.from('body') });
  t.same(decoded === undefined ? undefined : decodeExtras(decoded), extras);
  for (let at = 0; at < stored.length; at++) {
    const damaged = Buffer.from(stored);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    t.equal(decodeMessage(damaged), undefined, `byte ${at}`);
    t.equal(decodeMessage(stored.subarray(0, at)), undefined, `cut at ${at}`);
  }
  const slot = { priority: 4, flags: 1, sizeBytes: 70_000, group: 'x'.repeat(16), deliveries: 2, generation: 3, holder: 4, notBeforeMs: 1_800_000_000_000 };
  t.same(decodeSlot(encodeSlot(slot)), slot);
  t.same(decodeSlot(encodeSlot({ ...slot, group: '' })).group, '');
  t.end();
});

await t.test('names of topics are those of the specification of capabilities', (t) => {
  for (const name of ['a', 'orders/eu', '...', '.a', 'a..b', 'a b', 'ü/日本', '😀', 'x'.repeat(512)]) t.ok(isTopicName(name), name);
  for (const name of ['', '/', 'a/', '/a', 'a//b', '.', '..', 'a/.', './a', 'a/../b', 'a\\b', 'a\n', 'a\u009f', '\ud800', 'a\udc00', 'x'.repeat(513), 'é'.repeat(257)]) t.notOk(isTopicName(name), JSON.stringify(name));
  t.end();
});

await t.test('the topics of a request are found without decoding it', (t) => {
  t.same(scanTopics(encode({ body: new Uint8Array(70_000), topic: 'a', n: [1, { x: -1.5, d: new Date(0), l: 2 ** 40, t: true, z: null }], to: 'ü' })), [{ field: 'topic', topic: 'a' }, { field: 'to', topic: 'ü' }]);
  t.same(scanTopics(encode({ nested: { topic: 'not this' }, topic: 7 })), []);
  for (const [first, second] of [['a', 'b'], ['a', null], [null, 'a'], ['a', 7], [null, null]]) {
    const twice = Buffer.concat([Buffer.from([0x82]), encode('topic'), encode(first), encode('topic'), encode(second)]);
    t.throws(() => scanTopics(twice), /field topic must be there once/, `topic is ${String(first)} and ${String(second)}`);
  }
  t.same(scanTopics(Buffer.concat([Buffer.from([0x82]), encode('key'), encode(1), encode('key'), encode(2)])), [], 'other fields are the decoder\'s');
  const long = Buffer.concat([Buffer.from([0xdf, 0, 0, 0, 1, 0xdb, 0, 0, 0, 5]), Buffer.from('topic'), Buffer.from([0xd9, 1]), Buffer.from('a')]);
  t.same(scanTopics(long), [{ field: 'topic', topic: 'a' }], 'every encoding of a string');
  const whole = encode({ topic: 'abc', list: [1, 2, { a: 'b' }], body: new Uint8Array(3) });
  for (let at = 0; at < whole.length; at++) t.throws(() => scanTopics(whole.subarray(0, at)), /one MessagePack map/, `cut at ${at}`);
  for (const bad of [[0xc1], [0x81, 0xc1, 0x01], [0xdd, 0xff, 0xff, 0xff, 0xff], [0xdf, 0xff, 0xff, 0xff, 0xff], [0x81, 0xa5, 0x74, 0x6f, 0x70, 0x69, 0x63, 0xa1, 0xff], [0x80, 0x80], [0x90], []]) {
    t.throws(() => scanTopics(Uint8Array.from(bad)), /one MessagePack map/, Buffer.from(bad).toString('hex'));
  }
  // The decoder that this is compared with refuses the name __proto__.
  const maps = fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue(), { maxKeys: 5 }).filter((map) => !JSON.stringify(map).includes('__proto__'));
  fc.assert(fc.property(maps, fc.string(), (map, topic) => {
    const payload = encode({ ...map, topic });
    return scanTopics(payload).some((found) => found.field === 'topic' && found.topic === (decode(payload) as { topic: string }).topic);
  }));
  t.end();
});

await t.test('what the writer writes is MessagePack', (t) => {
  const out = new Writer(4);
  out.map(8);
  for (const [name, write] of Object.entries({
    u: () => { out.uint(2 ** 53 - 1); },
    s: () => { out.uint(300); },
    t: () => { out.text('é'.repeat(200)); },
    b: () => { out.bin(new Uint8Array(70_000)); },
    m: () => { out.bin(new Uint8Array(300)); },
    k: () => { out.binKey('\u00ff\u0000'); },
    f: () => { out.bool(false); },
    n: () => { out.nil(); },
  })) {
    out.name(name);
    write();
  }
  const map = decode(out.take(), { useBigInt64: false }) as Record<string, unknown>;
  t.same({ ...map, b: undefined, m: undefined, k: Buffer.from(map['k'] as Uint8Array).toString('hex') }, { u: 2 ** 53 - 1, s: 300, t: 'é'.repeat(200), b: undefined, m: undefined, k: 'ff00', f: false, n: null });
  t.end();
});
