import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { encode } from '@msgpack/msgpack';
import { Keyring, mintCapability } from '@omnigate/capability';
import { encodeFrame, Flag, FrameDecoder } from '@omnigate/kernel/wire';
import t from 'tap';
import type { Test } from 'tap';

import { runInput } from '../src/engine/runner.ts';
import { loadInternal } from '../src/internals.ts';
import { findPymacaroons, Pymacaroons } from '../src/oracles/pymacaroons.ts';
import { askZstd, zstdMissing } from '../src/oracles/zstd-command.ts';
import { TARGETS } from '../src/targets.ts';
import { agree } from '../src/targets/macaroon.ts';
import { readShape } from '../src/targets/messagepack-shape.ts';
import { whyRefused } from '../src/targets/zstd-profile.ts';
import { vectorBytes } from '../src/vectors.ts';

/** What the target says while a method of the code under test is replaced, and that it says nothing when it is not. */
async function withFault(t: Test, name: keyof typeof TARGETS, input: Uint8Array, prototype: object, method: string, replace: (original: (...args: never[]) => unknown) => (...args: never[]) => unknown) {
  const target = await TARGETS[name]();
  t.teardown(() => target.close?.());
  const methods = prototype as Record<string, (...args: never[]) => unknown>;
  const original = methods[method];
  if (original === undefined) throw new Error(`there is no method ${method}`);
  t.equal(runInput(target, input).finding, undefined, `${name}: nothing without the fault`);
  methods[method] = replace(original);
  try {
    return runInput(target, input).finding;
  } finally {
    methods[method] = original;
  }
}

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const frame = encodeFrame({ flags: Flag.REQ | Flag.START | Flag.END, app: 1, payload: Uint8Array.of(1, 2, 3) });
const frames = new Uint8Array(Buffer.concat([frame, frame, frame, frame]));

await t.test('decoder: a decoder that loses what it detaches', async (t) => {
  const finding = await withFault(t, 'decoder', frames, FrameDecoder.prototype, 'detach', () => function (this: FrameDecoder) {
    while (this.next());
  });
  t.match(finding, { oracle: 'split', message: /detached/ });
});

await t.test('sdk-records: a reader that drops the last byte of a piece', async (t) => {
  const { RecordReader } = await loadInternal<{ RecordReader: { prototype: object } }>('sdk', 'mailbox/record-reader');
  const input = hex('00000002 0102 00000001 03');
  const finding = await withFault(t, 'sdk-records', input, RecordReader.prototype, 'push', (push) => function (this: object, bytes: Uint8Array, onRecord: unknown) {
    return Reflect.apply(push, this, [bytes.subarray(0, -1), onRecord]) as unknown;
  });
  t.match(finding, { oracle: 'split' });
});

await t.test('mailbox-request: a decoder that sees another topic than the scan, and one that throws what it may not', async (t) => {
  const { Fields } = await loadInternal<{ Fields: { prototype: object } }>('mailbox', 'codec/fields');
  const other = await withFault(t, 'mailbox-request', encode({ topic: 'a/b' }), Fields.prototype, 'text', (text) => function (this: object, name: string) {
    return (Reflect.apply(text, this, [name]) as string).slice(1);
  });
  t.match(other, { oracle: 'topic-scan' });
  const thrown = await withFault(t, 'mailbox-request', encode({ topic: 'a/b' }), Fields.prototype, 'headers', () => () => {
    throw new TypeError('headers');
  });
  t.match(thrown, { oracle: 'exception', message: 'TypeError: headers' });
});

await t.test('macaroon: a node that grants what another key signed', async (t) => {
  const key = Object.freeze({ kid: '0123456789abcdef', state: 'active', createdAtMs: 1_767_225_600_000, ttlMaxMs: 3_600_000 } as const);
  const foreign = new Keyring([{ key, secret: Buffer.alloc(32, 9) }]);
  const { bytes } = mintCapability(foreign, { tenant: '00112233445566778899aabbccddeeff', nowMs: 1_767_225_600_000 });
  const finding = await withFault(t, 'macaroon', bytes, Keyring.prototype, 'signIdentifier', (sign) => (_key: unknown, identifier: Uint8Array) => Reflect.apply(sign, foreign, [foreign.find(key.kid), identifier]) as unknown);
  t.match(finding, { oracle: 'forgery' });
});

await t.test('hello: a reader whose counts are off by one', async (t) => {
  const finding = await withFault(t, 'hello', new Uint8Array(Buffer.from('{"max_frame":5000}')), JSON, 'parse', (parse) => (text: string) => {
    const map = parse(text as never) as { max_frame: number };
    return { ...map, max_frame: map.max_frame + 1 };
  });
  t.match(finding, { oracle: 'round-trip' });
});

await t.test('messagepack: the other reader knows every format', (t) => {
  const good = ['c0', '00', 'e0', 'a1 61', 'd9 01 61', 'c4 01 00', 'c5 0001 00', 'c6 00000001 00', 'c7 01 05 00', 'ca 00000000', 'cb 0000000000000000', 'cc 00', 'cd 0000', 'd4 01 00', 'd8 01 00000000000000000000000000000000', 'dc 0001 c0', 'dd 00000000', 'de 0001 c0 c0', '82 c0 c0 c0 91 c0'];
  for (const text of good) {
    t.ok(readShape(hex(text)), text);
    t.notOk(readShape(hex(`${text}00`)), `${text} and a byte`);
    t.notOk(readShape(hex(text).subarray(0, -1)), `${text} without its last byte`);
  }
  t.same(readShape(hex('82 c0 c0 c0 91 c0')), { items: 6, depth: 2, isMap: true, hasBadText: false });
  t.notOk(readShape(hex('c1')));
  t.end();
});

const withoutZstd = zstdMissing();
await t.test('compression: the zstd command is believed', { skip: withoutZstd ?? false }, async (t) => {
  const target = await TARGETS.compression();
  const good = hex('28b52ffd 20 05 29 0000 68656c6c6f');
  const bad = hex('28b52ffd 20 06 29 0000 68656c6c6f');
  t.same(await askZstd(good, 100), { verdict: 'ok', content: Buffer.from('hello') });
  t.same(await askZstd(bad, 100), { verdict: 'refused' });
  t.same(await askZstd(good, 4), { verdict: 'tooMuch' });
  t.equal(await target.compare?.(good), undefined);
  t.equal(await target.compare?.(bad), undefined);
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-fuzz-'));
  const { PATH } = process.env;
  t.teardown(() => {
    process.env.PATH = PATH;
    rmSync(folder, { recursive: true });
  });
  const pretend = (script: string) => {
    writeFileSync(join(folder, 'zstd'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'zstd'), 0o755);
    process.env.PATH = `${folder}${delimiter}${PATH ?? ''}`;
  };
  pretend('exit 1');
  await t.rejects(target.compare?.(good) ?? Promise.resolve(), { oracle: 'zstd', message: /refuses what is taken/ });
  pretend('printf hallo');
  await t.rejects(target.compare?.(good) ?? Promise.resolve(), { oracle: 'zstd', message: /other bytes/ });
  await t.rejects(target.compare?.(bad) ?? Promise.resolve(), { oracle: 'zstd', message: /takes what is refused/ });
});

await t.test('compression: what may be refused although zstd takes it', (t) => {
  t.equal(whyRefused(hex('28b52ffd 20 05 29 0000 68656c6c6f')), undefined);
  t.match(whyRefused(hex('28b52ffd 20 05 29 0000 68656c6c6f 00')), /follows/);
  t.match(whyRefused(hex('28b52ffd 21 00 05 29 0000 68656c6c6f')), /dictionary/);
  t.match(whyRefused(hex('28b52ffd 00 58 29 0000 68656c6c6f')), /content size/);
  t.match(whyRefused(hex('28b52ffd 60 0000 15 0000 02 00')), /Huffman/);
  t.ok(vectorBytes('compression', 'payload').some((payload) => whyRefused(payload) === undefined));
  t.end();
});

const found = findPymacaroons();
await t.test('macaroon: pymacaroons is believed', { skip: 'missing' in found ? found.missing : false }, async (t) => {
  if ('missing' in found) return;
  const python = new Pymacaroons(found.python);
  t.teardown(() => { python.close(); });
  const [wire = new Uint8Array(0)] = vectorBytes('capability', 'wire');
  const { parseMacaroon } = await loadInternal<{ readonly parseMacaroon: (bytes: Uint8Array) => Parameters<typeof agree>[0] }>('capability', 'macaroon/codec');
  const ours = parseMacaroon(wire);
  const answer = await python.read(wire);
  if (!('macaroon' in answer)) throw new Error(answer.refused);
  agree(ours, answer.macaroon);
  t.throws(() => { agree({ ...ours, identifier: Uint8Array.of(1) }, answer.macaroon); }, /^reads/);
  t.throws(() => { agree(ours, 'ValueError: no'); }, /refuses what is taken here/);
  t.match(await python.read(wire.subarray(0, 9)), { refused: String });
});
