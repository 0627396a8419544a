import { spawnSync } from 'node:child_process';
import t from 'tap';
import { COMP_BLOCKS_MAX, COMP_RATIO_MAX, INFLIGHT_BYTES_MAX } from '../../src/limits.ts';
import { Flag } from '../../src/wire/header.ts';
import type { Attack } from '../fixtures/attack.ts';
import { errorOf, outcomeOf, rightError, rightOutcome } from '../fixtures/attack.ts';
import { ZstdCommandCodec } from '../fixtures/codec.ts';
import { ECHO, frame, last, part, pattern, request, start, textOf, WHOLE } from '../fixtures/frames.ts';
import { assertServed, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { until } from '../fixtures/until.ts';
import { block, BlockType, compressed, frame as zstdFrame, join, noZstd, prose, raw, repeat, rle, WINDOW_1_MIB, zstd } from '../wire/zstd-frames.ts';

const OFFER = { supported_flags: 255 };
const to = { corr: 5, app: ECHO };
const BLOCK_BYTES = 131_072;

/** A request to echo with a compressed payload. */
function comp(payload: Uint8Array, flags = 0): Uint8Array {
  return frame(5, Flag.REQ | WHOLE | Flag.COMP | flags, payload);
}

/** 28 B5 2F FD, then these bytes. */
function magic(...digits: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(`28b52ffd${digits.join('')}`, 'hex'));
}

/** A frame of legal blocks that decodes to exactly `ratio` times its size. */
function ofRatio(ratio: number, more = 0): Uint8Array {
  const rawBytes = 20_000;
  const total = 10 + 3 + rawBytes + 2 * 4;
  const contentBytes = Math.floor(total * ratio) + more;
  return zstdFrame({ window: WINDOW_1_MIB, contentBytes }, raw(rawBytes), rle(BLOCK_BYTES), rle(contentBytes - rawBytes - BLOCK_BYTES, true));
}

const handmade: readonly (readonly [string, Uint8Array, Attack['reason']])[] = [
  ['a window of 1.875 GiB in 10 bytes', magic('00af0000', '0000'), 'comp_window'],
  ['a content size of 2 GiB in 13 bytes', magic('a000000080', '01000000'), 'comp_output'],
  ['RLE blocks of 32,768 to 1', zstdFrame({ window: WINDOW_1_MIB, contentBytes: 8 * BLOCK_BYTES }, repeat(7, rle(BLOCK_BYTES)), rle(BLOCK_BYTES, true)), 'comp_ratio'],
  ['262,000 tiny blocks', zstdFrame({ window: WINDOW_1_MIB, contentBytes: 262_000 }, repeat(261_999, rle(1)), rle(1, true)), 'comp_blocks'],
  ['345,000 empty blocks', zstdFrame({ window: WINDOW_1_MIB, contentBytes: 0 }, repeat(344_999, raw(0)), raw(0, true)), 'comp_blocks'],
  ['a block more than allowed', zstdFrame({ window: WINDOW_1_MIB, contentBytes: COMP_BLOCKS_MAX + 1 }, repeat(COMP_BLOCKS_MAX, rle(1)), rle(1, true)), 'comp_blocks'],
  ['a reserved block', zstdFrame({ contentBytes: 5 }, block(BlockType.RESERVED, 5, true)), 'comp_malformed'],
  ['a block that no decoder accepts', zstdFrame({ contentBytes: 500 }, compressed(80, true)), 'comp_malformed'],
  ['two frames', repeat(2, zstdFrame({ contentBytes: 1 }, raw(1, true))), 'comp_malformed'],
  ['a skippable frame', join(Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0), zstdFrame({ contentBytes: 1 }, raw(1, true))), 'comp_malformed'],
  ['131,000 skippable frames', repeat(131_000, Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0)), 'comp_malformed'],
  ['a dictionary', zstdFrame({ contentBytes: 1, bits: 1 }, raw(1, true)), 'comp_malformed'],
  ['trailing bytes', join(zstdFrame({ contentBytes: 1 }, raw(1, true)), Uint8Array.of(0)), 'comp_malformed'],
  ['a cut frame', zstdFrame({ contentBytes: 9 }, raw(9, true)).subarray(0, 15), 'comp_malformed'],
  ['less content than promised', zstdFrame({ contentBytes: 9 }, raw(8, true)), 'comp_malformed'],
  ['nothing', new Uint8Array(0), 'comp_malformed'],
  ['something else', pattern(500, 1), 'comp_malformed'],
  ['a ratio just above the limit', ofRatio(COMP_RATIO_MAX, 1), 'comp_ratio'],
  ['a ratio of 10.1', ofRatio(10.1), 'comp_ratio'],
];

void t.test('compressed payloads that are refused before they are decoded', async (t) => {
  const codec = new ZstdCommandCodec();
  await using node = await TestNode.start({ codec });
  await using bystander = await Peer.open(node.address);
  for (const [name, payload, reason] of handmade) {
    // outcomeOf opens its peers without COMP, so these bring a HELLO of their own.
    await using peer = await Peer.open(node.address, OFFER);
    const before = node.rejected(reason);
    peer.send(comp(payload));
    t.strictSame(errorOf(await peer.take(5)), rightError(reason, to), name);
    t.equal(node.rejected(reason), before + 1);
    await assertServed(peer);
    await assertServed(bystander);
  }
  t.equal(codec.decoded, 1, 'one of them could only be found out by decoding');
  t.equal(node.metrics.glitches, handmade.length);
  await node.calm(1);
});

void t.test('bombs of the zstd command', { skip: noZstd }, async (t) => {
  const codec = new ZstdCommandCodec();
  await using node = await TestNode.start({ codec });
  const good = zstd(prose(5_000));
  const checked = zstd(prose(5_000), '--check');
  checked[checked.length - 1] = (checked.at(-1) ?? 0) ^ 1;
  const long = spawnSync('zstd', ['-c', '-q', '--ultra', '-22', '--long=31', '--stream-size=3000000'], { input: pattern(3_000_000, 1), maxBuffer: 1 << 26 });
  const bombs: readonly (readonly [string, Uint8Array, Attack['reason']])[] = [
    ['--ultra -22 --long=31', new Uint8Array(long.stdout).subarray(0, 900_000), 'comp_window'],
    ['zeros', zstd(new Uint8Array(1_000_000)), 'comp_ratio'],
    ['a wrong checksum', checked, 'comp_malformed'],
    ['no content size', zstd(prose(5_000), '--no-content-size', '--zstd=wlog=19'), 'comp_malformed'],
    ['a flipped bit', good.map((byte, at) => (at === 300 ? byte ^ 4 : byte)), 'comp_malformed'],
  ];
  for (const [name, payload, reason] of bombs) {
    await using peer = await Peer.open(node.address, OFFER);
    peer.send(comp(payload));
    const answer = await peer.take(5);
    // A flipped bit may hit a literal, which only a checksum would show.
    if (name !== 'a flipped bit' || answer.code !== 200) t.strictSame(errorOf(answer), rightError(reason, to), name);
    await assertServed(peer);
  }
  await node.calm(0);
});

void t.test('COMP that does not fit', async (t) => {
  await using node = await TestNode.start({ codec: new ZstdCommandCodec() });
  await using bystander = await Peer.open(node.address);
  const payload = zstdFrame({ contentBytes: 3 }, raw(3, true));
  const attack: Attack = { name: 'not negotiated', send: [comp(payload)], reaction: 'K', reason: 'comp_unsupported', to };
  t.strictSame(await outcomeOf(node, bystander, attack), rightOutcome(attack));
  const both: Attack = { name: 'with APP_E2E', send: [comp(payload, Flag.APP_E2E)], reaction: 'K', reason: 'bad_flags', to };
  t.strictSame(await outcomeOf(node, bystander, both), rightOutcome(both));

  await using plain = await TestNode.start();
  await using peer = await Peer.open(plain.address, OFFER);
  peer.send(comp(payload));
  t.strictSame(errorOf(await peer.take(5)), rightError('comp_unsupported', to), 'a node without a codec');
});

void t.test('what was compressed well arrives', { skip: noZstd }, async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ codec: new ZstdCommandCodec(), services: [held] });
  await using peer = await Peer.open(node.address, OFFER);

  await t.test('whole', async (t) => {
    const text = prose(50_000);
    peer.send(comp(zstd(text)));
    t.same((await peer.take(5)).payload, text);
    const tight = ofRatio(COMP_RATIO_MAX);
    peer.send(comp(tight));
    await until('the reply', () => peer.inbox.some(({ flags }) => (flags & Flag.END) !== 0));
    t.equal(peer.inbox.reduce((sum, { payload }) => sum + payload.length, 0), tight.length * COMP_RATIO_MAX);
    peer.inbox.length = 0;
    t.equal(node.metrics.compRatio.counts.reduce((sum, count) => sum + count), 2);
  });

  await t.test('frame by frame, mixed with others', async (t) => {
    peer.send(
      frame(5, Flag.REQ | Flag.START | Flag.COMP, zstd(prose(2_000, 1))),
      part(5, prose(100, 2)),
      frame(5, Flag.REQ | Flag.COMP, zstd(prose(3_000, 3))),
      last(5, ''),
    );
    await until('the end', () => peer.inbox.some(({ flags }) => (flags & Flag.END) !== 0));
    t.equal(peer.inbox.map(textOf).join(''), [prose(2_000, 1), prose(100, 2), prose(3_000, 3)].map((bytes) => Buffer.from(bytes).toString()).join(''));
    peer.inbox.length = 0;
  });

  await t.test('and a bad frame in mid-stream ends it', async (t) => {
    peer.send(start(5, 'x', { app: HELD }), frame(5, Flag.REQ | Flag.COMP, 'no zstd', { app: HELD }), last(5, 'y', { app: HELD }));
    t.strictSame(errorOf(await peer.take(5)), rightError('comp_malformed', { corr: 5, app: HELD }));
    t.strictSame((await held.call()).heard, ['cancel']);
    await node.calm(1);
  });

  await t.test('bytes in flight are counted decompressed', async (t) => {
    held.calls.length = 0;
    const contentBytes = 1_000_000;
    const small = join(magic('a0', '40420f00'), raw(100_000), ...[0, 1, 2, 3, 4, 5].map(() => rle(BLOCK_BYTES)), rle(contentBytes - 100_000 - 6 * BLOCK_BYTES, true));
    const fit = Math.floor(INFLIGHT_BYTES_MAX / contentBytes);
    for (let n = 1; n <= fit + 2; n++) peer.send(frame(100 + n, Flag.REQ | WHOLE | Flag.COMP, small, { app: HELD }));
    const refused = await peer.take(({ code }) => code === 429);
    t.equal(Number(refused.corrId) - 100 > fit, true);
    t.equal(held.calls[0]?.request.payload.length, contentBytes);
    t.equal(held.calls[0]?.request.flags, Flag.REQ | WHOLE, 'COMP is undone');
    for (const { reply } of held.calls) reply.end(200);
    await node.calm(1);
  });

  await t.test('replies are compressed for those who can read it, except ciphertext', async (t) => {
    const letters = new Uint8Array(5_000).fill(0x62);
    peer.inbox.length = 0;
    peer.send(request(1, letters), frame(2, Flag.REQ | WHOLE | Flag.APP_E2E, letters), request(3, letters.subarray(0, 100)));
    const packed = await peer.take(1);
    t.equal(packed.flags, Flag.RESP | WHOLE | Flag.COMP);
    t.same(new ZstdCommandCodec().decompress(packed.payload, letters.length), letters);
    t.equal((await peer.take(2)).flags, Flag.RESP | WHOLE | Flag.APP_E2E);
    t.equal((await peer.take(3)).flags, Flag.RESP | WHOLE);
    await using other = await Peer.open(node.address);
    other.send(request(1, letters));
    t.same((await other.take(1)).payload, letters);
  });
});
