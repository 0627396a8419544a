import { randomBytes } from 'node:crypto';
import { expectSame, expectThat, Skip } from '../../deviation.ts';
import { CONTROL, Flag, NO_TENANT, WHOLE } from '../../wire/frame.ts';
import { last, ping, request, start } from '../../wire/frames.ts';
import { block, BlockType, raw, rle, stored, zstdFrame } from '../../wire/zstd.ts';
import type { Bench, ServerCase } from '../bench.ts';
import type { HelloReply } from '../hello-reply.ts';
import type { Reason } from '../reasons.ts';
import type { ServerLink } from '../server-link.ts';

const { REQ, START, END, COMP, APP_E2E } = Flag;
const CONTENT = Buffer.from('sixteen bytes it');
const KIB_64 = 65_536;
const BLOCK_MAX = 131_072;
const BLOCKS_MAX = 64;
/** "sixteen bytes it" as the zstd command writes it, with a checksum. */
const WITH_CHECKSUM = '28b52ffd24108100007369787465656e20627974657320697469d2d5df';

/** §11: what COMP and APP_E2E mean, and each step of the guard. */
export const compressionCases: readonly ServerCase[] = [
  {
    section: '11.1',
    title: 'refuses COMP where the client did not offer it: comp_unsupported',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(request(2, stored(CONTENT), { flags: REQ | WHOLE | COMP }));
      await link.expectError(2, 'comp_unsupported');
      await link.expectAlive();
    },
  },
  {
    section: '11.1',
    title: 'takes frames with and without COMP in one message',
    async run(bench) {
      const link = await compressing(bench);
      link.send(start(2, 'plain, '), request(2, stored(Buffer.from('stored, ')), { flags: REQ | COMP }), last(2, 'plain'));
      await expectContent(link, 2, Buffer.from('plain, stored, plain'));
    },
  },
  {
    section: '11.1',
    title: 'refuses a broken COMP frame in mid-stream and ends the exchange: comp_malformed',
    async run(bench) {
      const link = await compressing(bench);
      link.send(start(2), request(2, 'no zstd', { flags: REQ | COMP }), last(2));
      await link.expectError(2, 'comp_malformed');
      await link.expectAlive();
    },
  },
  taken('one raw block', () => stored(CONTENT), CONTENT),
  taken('an empty content', () => stored(Buffer.alloc(0)), Buffer.alloc(0)),
  taken('a checksum that is right', () => Buffer.from(WITH_CHECKSUM, 'hex'), CONTENT),
  taken('64 blocks', () => zstdFrame({ contentBytes: BLOCKS_MAX }, ...Array.from({ length: BLOCKS_MAX }, (_, at) => raw(Buffer.of(at), at === BLOCKS_MAX - 1))), Buffer.from(Array.from({ length: BLOCKS_MAX }, (_, at) => at))),
  taken('an empty last block', () => zstdFrame({ contentBytes: CONTENT.length }, raw(CONTENT, false), raw(Buffer.alloc(0))), CONTENT),
  taken('an RLE block within 64 KiB', () => zstdFrame({ contentBytes: KIB_64 }, rle(7, KIB_64)), Buffer.alloc(KIB_64, 7)),
  taken('the unused bit 4 of the descriptor', () => zstdFrame({ contentBytes: CONTENT.length, descriptor: 0x10 }, raw(CONTENT)), CONTENT),
  taken('a window of 1 MiB', () => zstdFrame({ contentBytes: CONTENT.length, window: 10 << 3 }, raw(CONTENT)), CONTENT),
  refused('no bytes at all', 'comp_malformed', () => Buffer.alloc(0)),
  refused('another magic number', 'comp_malformed', () => Buffer.from('28b52ffe', 'hex')),
  refused('a skippable frame', 'comp_malformed', () => Buffer.from('502a4d180100000078', 'hex')),
  refused('a skippable frame before a good one', 'comp_malformed', () => Buffer.concat([Buffer.from('502a4d180100000078', 'hex'), stored(CONTENT)])),
  refused('the reserved bit', 'comp_malformed', () => zstdFrame({ contentBytes: CONTENT.length, descriptor: 0x08 }, raw(CONTENT))),
  refused('a dictionary id', 'comp_malformed', () => zstdFrame({ contentBytes: CONTENT.length, descriptor: 0x01 }, raw(CONTENT))),
  refused('no content size', 'comp_malformed', () => Buffer.concat([Buffer.from('28b52ffd0050', 'hex'), raw(CONTENT)])),
  refused('a window one step above 1 MiB', 'comp_window', () => zstdFrame({ contentBytes: CONTENT.length, window: (10 << 3) | 1 }, raw(CONTENT))),
  refused('a window of 3.75 TiB in six bytes', 'comp_window', () => Buffer.from('28b52ffdc0ff', 'hex')),
  refused('a content of 2^64 - 1 bytes', 'comp_output', () => zstdFrame({ contentBytes: (1n << 64n) - 1n, window: 0 })),
  refused('a content one byte above max_decompressed', 'comp_output', ({ maxDecompressed }) => zstdFrame({ contentBytes: maxDecompressed + 1, window: 0 })),
  refused('a single segment one byte above 1 MiB', 'comp_window', () => zstdFrame({ contentBytes: 1_048_577 }, rle(0, 10))),
  refused('a content one byte above the ratio', 'comp_ratio', ({ maxRatio }) => zstdFrame({ contentBytes: ratioCap(maxRatio, 17) + 1 }, rle(0, 10))),
  refused('RLE blocks beyond the ratio', 'comp_ratio', ({ maxRatio }) => zstdFrame({ contentBytes: 10, window: 10 << 3 }, rle(0, 10, false), rle(0, ratioCap(maxRatio, 22)))),
  refused('a block above the window', 'comp_malformed', () => zstdFrame({ contentBytes: 2_000, window: 0 }, raw(Buffer.alloc(1_025)), raw(Buffer.alloc(975)))),
  refused('a block above 128 KiB', 'comp_malformed', () => zstdFrame({ contentBytes: BLOCK_MAX + 1 }, raw(randomBytes(BLOCK_MAX + 1)))),
  refused('an empty raw block before the last', 'comp_blocks', () => zstdFrame({ contentBytes: CONTENT.length }, raw(Buffer.alloc(0), false), raw(CONTENT))),
  refused('an empty RLE block before the last', 'comp_blocks', () => zstdFrame({ contentBytes: CONTENT.length }, rle(0, 0, false), raw(CONTENT))),
  refused('65 blocks', 'comp_blocks', () => zstdFrame({ contentBytes: 65 }, ...Array.from({ length: 65 }, (_, at) => raw(Buffer.of(1), at === 64)))),
  refused('a block of the reserved type', 'comp_malformed', () => zstdFrame({ contentBytes: 1 }, block(BlockType.RESERVED, 1, Buffer.of(1), true))),
  refused('a compressed block of one byte', 'comp_malformed', () => zstdFrame({ contentBytes: 1 }, block(BlockType.COMPRESSED, 1, Buffer.of(0), true))),
  refused('a compressed block that no decoder takes', 'comp_malformed', () => zstdFrame({ contentBytes: 100 }, block(BlockType.COMPRESSED, 40, Buffer.alloc(40, 0xff), true))),
  refused('a byte behind the last block', 'comp_malformed', () => Buffer.concat([stored(CONTENT), Buffer.of(0)])),
  refused('two frames', 'comp_malformed', () => Buffer.concat([stored(CONTENT), stored(CONTENT)])),
  refused('a content size above what the blocks hold', 'comp_malformed', () => zstdFrame({ contentBytes: 20 }, raw(CONTENT))),
  refused('a content size below what the blocks hold', 'comp_malformed', () => zstdFrame({ contentBytes: 15 }, raw(CONTENT))),
  refused('a wrong checksum', 'comp_malformed', () => Buffer.from(WITH_CHECKSUM.replace(/..$/, '00'), 'hex')),
  refused('a checksum that is missing', 'comp_malformed', () => Buffer.from(WITH_CHECKSUM.slice(0, -8), 'hex')),
  {
    section: '11.3',
    title: 'refuses a frame that is cut at any of its bytes: comp_malformed',
    async run(bench) {
      const link = await compressing(bench);
      const whole = stored(CONTENT);
      for (let cut = 0; cut < whole.length; cut++) {
        link.send(request(cut + 2, whole.subarray(0, cut), { flags: REQ | WHOLE | COMP }));
        await link.expectError(cut + 2, 'comp_malformed');
      }
      await link.expectAlive();
    },
  },
  {
    section: '11.5',
    title: 'counts credit on the bytes of the frame as sent',
    async run(bench) {
      const link = await compressing(bench);
      const small = zstdFrame({ contentBytes: KIB_64 }, rle(7, KIB_64));
      if (link.agreed.initialWindow < small.length * 20) throw new Skip('the window of the server is too small');
      const frames = Math.ceil(link.agreed.initialWindow / KIB_64) + 1;
      if (frames > 40) throw new Skip('the window of the server is too large');
      // Decompressed they are more than the window; as sent, a small part of it.
      link.send(start(2), ...Array.from({ length: frames }, () => request(2, small, { flags: REQ | COMP })), last(2));
      const { code } = await link.take(2, 'a frame of the reply');
      expectSame('status', code, 200);
      expectThat(link.granted(2) <= small.length * frames, 'no more CREDIT than came as payload', String(link.granted(2)));
    },
  },
  {
    section: '11.6',
    title: 'refuses COMP together with APP_E2E and keeps the connection: bad_flags',
    async run(bench) {
      const link = await compressing(bench);
      link.send(request(2, stored(CONTENT), { flags: REQ | WHOLE | COMP | APP_E2E }));
      await link.expectError(2, 'bad_flags');
      await link.expectAlive();
    },
  },
  {
    section: '11.6',
    title: 'hands ciphertext back untouched, with APP_E2E and without COMP',
    async run(bench) {
      bench.needsEcho();
      const offered = bench.facts?.hello?.supportedFlags ?? 191;
      const link = await bench.greet({ supported_flags: offered });
      const payload = Buffer.alloc(20_000, 'compresses well ');
      link.send(request(2, payload, { flags: REQ | WHOLE | APP_E2E }));
      const { flags } = await link.expectReply(2, { payload, more: APP_E2E });
      expectSame('COMP on it', flags & COMP, 0);
    },
  },
  {
    section: '11.6',
    title: 'ignores COMP and APP_E2E together on a control frame',
    async run(bench) {
      const link = await bench.greet({ supported_flags: 255 });
      link.send(ping(2, 'x', { flags: REQ | START | END | COMP | APP_E2E }));
      await link.expectReply(2, { app: CONTROL, tenant: NO_TENANT, payload: 'x' });
    },
  },
];

function ratioCap(maxRatio: number, bytes: number): number {
  return Math.max(Math.floor(maxRatio * bytes), KIB_64);
}

async function compressing(bench: Bench): Promise<ServerLink> {
  bench.needsCompression();
  return bench.greet({ supported_flags: 255 });
}

/** Expects an echo; what comes back compressed is only looked at as far as raw blocks go. */
async function expectContent(link: ServerLink, corr: number, content: Buffer): Promise<void> {
  const compressed = () => link.inbox.some((frame) => frame.corr === BigInt(corr) && (frame.flags & COMP) !== 0);
  await link.until(() => (link.inbox.some((frame) => frame.corr === BigInt(corr)) || link.end !== undefined ? true : undefined), 'an echo');
  if (compressed()) {
    const { code } = await link.take(corr, 'an echo');
    expectSame('status', code, 200);
    return;
  }
  await link.expectEcho(corr, content);
}

function taken(what: string, bytes: (reply: HelloReply) => Buffer, content: Buffer): ServerCase {
  return {
    section: '11.3',
    title: `takes ${what}`,
    async run(bench) {
      const link = await compressing(bench);
      link.send(request(2, bytes(link.agreed), { flags: REQ | WHOLE | COMP }));
      await expectContent(link, 2, content);
      await link.expectAlive();
    },
  };
}

function refused(what: string, reason: Reason, bytes: (reply: HelloReply) => Buffer): ServerCase {
  return {
    section: '11.3',
    title: `refuses ${what}: ${reason}`,
    async run(bench) {
      const link = await compressing(bench);
      link.send(request(2, bytes(link.agreed), { flags: REQ | WHOLE | COMP }));
      await link.expectError(2, reason);
      await link.expectAlive();
    },
  };
}
