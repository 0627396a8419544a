import { createZstdCodec } from '@omnigate/gateway';
import { checkCompressed, COMPRESSION_LIMITS, OapError } from '@omnigate/kernel/wire';
import { decompress } from 'fzstd';
import { expect, Finding } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { Random } from '../engine/random.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { askZstd, zstdMissing } from '../oracles/zstd-command.ts';
import { vectorBytes, words } from '../vectors.ts';
import { whyRefused } from './zstd-profile.ts';

interface ReplyDecompressor {
  readonly decompressReply: (bytes: Uint8Array, limits: typeof COMPRESSION_LIMITS) => Uint8Array;
}

const REASONS: ReadonlySet<string> = new Set(['comp_window', 'comp_output', 'comp_ratio', 'comp_blocks', 'comp_malformed']);
/** Enough for several blocks of every kind. */
const INPUT_BYTES = 8_192;
const CHECKSUM_FLAG = 0x04;

/**
 * Compressed payloads: the guard, the node's decoder, the client's block check
 * and decoder, and the zstd command. What guard and decoder take, the command
 * takes, with the same bytes; what the command refuses is refused; what the
 * client decodes are the node's bytes.
 */
export async function openCompression(): Promise<Target> {
  const { decompressReply } = await loadInternal<ReplyDecompressor>('sdk', 'reply-decompressor');
  const codec = await createZstdCodec();
  const missing = zstdMissing();
  const otherBytes = 4_096;
  const other = codec.compress(skewedBytes(new Random(2), otherBytes)) ?? new Uint8Array(0);
  return {
    name: 'compression',
    covers: [modulesOf('kernel', 'wire/compression-guard'), modulesOf('sdk', 'zstd/'), modulesOf('sdk', 'reply-decompressor'), modulesOf('gateway', 'zstd-codec'), import.meta.resolve('fzstd')],
    seeds: [...vectorBytes('compression', 'payload'), ...contents().flatMap((content) => codec.compress(content) ?? [])].filter(({ length }) => length <= INPUT_BYTES),
    dictionary: words([0x28, 0xb5, 0x2f, 0xfd], [0x20], [0x24], [0x60], [0xa0], [0x01, 0, 0], [0x03, 0, 0], [0x05, 0, 0], [0x50, 0x2a, 0x4d, 0x18], [0x54], [0xa4], [0xfc], [0xff], [0x80]),
    bytesMax: INPUT_BYTES,
    compareSkipped: missing,
    generate: (random) => codec.compress(text(random, 1 + random.skewed(4_000))) ?? text(random, 20),
    mend: mendFrame,
    run(input) {
      const verdict = checkCompressed(input, 0, input.length, COMPRESSION_LIMITS);
      const shifted = new Uint8Array(input.length + 7).fill(0x28);
      shifted.set(input, 3);
      expect(checkCompressed(shifted, 3, 3 + input.length, COMPRESSION_LIMITS) === verdict, 'offset', () => 'the verdict depends on where the bytes lie');
      const byClient = attempt(() => decompressReply(input, COMPRESSION_LIMITS), 'bad_response');
      if (typeof verdict !== 'number') {
        expect(REASONS.has(verdict.reason), 'reason', () => `refused with ${verdict.reason}`);
        expect(byClient === undefined, 'client', () => `the client takes what the guard refuses: ${verdict.reason}`);
        return false;
      }
      const content = attempt(() => codec.decompress(input, verdict), 'comp_malformed');
      expect(byClient === undefined || byClient.length === verdict, 'client', () => `the client makes ${byClient?.length ?? 0} bytes of ${verdict}`);
      if (content === undefined) return false;
      expect(content.length === verdict, 'size', () => `${content.length} bytes instead of ${verdict}`);
      // The decoder keeps its context, and nothing of the frame before may show.
      codec.decompress(other, otherBytes);
      expect(Buffer.compare(codec.decompress(input, verdict), content) === 0, 'leak', () => 'the bytes depend on the frame before');
      if (byClient === undefined) {
        expect(whyRefused(input) !== undefined, 'client', () => `the client refuses ${input.length} bytes that the node decodes to ${verdict}`);
        return true;
      }
      expect(Buffer.compare(byClient, content) === 0, 'client', () => 'the client decodes to other bytes');
      // fzstd by itself: a second opinion on what has passed all gates, never on anything else.
      expect(Buffer.compare(decompress(input), content) === 0, 'fzstd', () => 'fzstd decodes to other bytes');
      const again = codec.compress(content);
      if (again === undefined) return true;
      const size = checkCompressed(again, 0, again.length, COMPRESSION_LIMITS);
      expect(size === content.length, 'round-trip', () => 'our own frame is refused by the guard');
      expect(Buffer.compare(codec.decompress(again, size), content) === 0, 'round-trip', () => 'our own frame decodes to other bytes');
      expect(Buffer.compare(decompressReply(again, COMPRESSION_LIMITS), content) === 0, 'round-trip', () => 'the client decodes our own frame to other bytes');
      return true;
    },
    async compare(input) {
      const verdict = checkCompressed(input, 0, input.length, COMPRESSION_LIMITS);
      const content = typeof verdict === 'number' ? attempt(() => codec.decompress(input, verdict), 'comp_malformed') : undefined;
      const command = await askZstd(input, COMPRESSION_LIMITS.outputBytesMax);
      if (content !== undefined) {
        const same = command.verdict === 'ok' && Buffer.compare(command.content, content) === 0;
        expect(same || whyRefused(input) !== undefined, 'zstd', () => `the zstd command ${command.verdict === 'ok' ? 'decodes to other bytes' : 'refuses what is taken here'}`);
      } else if (command.verdict === 'ok' && (typeof verdict === 'number' || verdict.reason === 'comp_malformed')) {
        if (whyRefused(input) === undefined) throw new Finding('zstd', 'the zstd command takes what is refused here as malformed');
      }
    },
  };
}

/** What it returns; undefined when it refuses in the one way that is allowed. */
function attempt(decode: () => Uint8Array, reason: string): Uint8Array | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof OapError && error.reason === reason) return undefined;
    throw error;
  }
}

/** Contents that make an encoder use its kinds of blocks: raw, RLE, one and four Huffman streams, own tables, long matches. */
function contents(): Uint8Array[] {
  const random = new Random(1);
  const sizes = [40, 300, 1_500, 6_000, 30_000];
  return [...sizes.map((size) => text(random, size)), random.bytes(200), new Uint8Array(600).fill(0x61), skewedBytes(random, 2_000), skewedBytes(random, 9_000)];
}

function text(random: Random, bytes: number): Uint8Array {
  const syllables = ['or', 'der', 's/', 'eu', '/2026', ' "id":', '{', '}', 'the ', 'node', ',', '\n', '00', 'xyz', 'é'];
  let content = '';
  while (content.length < bytes) content += random.pick(syllables);
  return new Uint8Array(Buffer.from(content.slice(0, bytes)));
}

/** Few matches, many literals. */
function skewedBytes(random: Random, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, () => 97 + random.skewed(random.below(40) + 1));
}

/** A frame with a magic number, and without the checksum that every change would break. */
function mendFrame(input: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(input);
  bytes.set([0x28, 0xb5, 0x2f, 0xfd].slice(0, bytes.length));
  if (bytes.length < 10 || ((bytes[4] as number) & CHECKSUM_FLAG) === 0) return bytes;
  bytes[4] = (bytes[4] as number) & ~CHECKSUM_FLAG;
  return bytes.slice(0, -4);
}
