import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** As t.test's `skip`: false when the zstd command is there, else why tests with it are skipped. */
export const noZstd: string | false =
  spawnSync('zstd', ['--version']).status === 0 ? false : 'NOT RUN: the zstd command is missing, install it (Debian: zstd)';

/** One frame with its content size, as the zstd command makes it. */
export function zstdFrame(content: Uint8Array, ...args: readonly string[]): Uint8Array {
  const run = spawnSync('zstd', ['-c', '-q', `--stream-size=${content.length}`, ...args], { input: content, maxBuffer: 1 << 26 });
  if (run.status !== 0) throw new Error(`zstd ${args.join(' ')}: ${run.stderr.toString()}`);
  return new Uint8Array(run.stdout);
}

/** What the zstd command makes of each frame, undefined where it refuses; one process for all of them. */
export function zstdDecodeAll(frames: readonly Uint8Array[]): readonly (Uint8Array | undefined)[] {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-zstd-'));
  try {
    const files = frames.map((bytes, n) => {
      writeFileSync(join(folder, `${n}.zst`), bytes);
      return `${n}.zst`;
    });
    spawnSync('zstd', ['-d', '-q', ...files], { cwd: folder });
    return frames.map((_, n) => {
      try {
        return new Uint8Array(readFileSync(join(folder, String(n))));
      } catch {
        return undefined;
      }
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Text-like bytes that compress about threefold; the same for the same seed. */
export function prose(bytes: number, seed = 1): Uint8Array {
  let state = seed;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const words = Array.from({ length: 400 }, () =>
    Array.from({ length: 2 + random(8) }, () => String.fromCharCode(97 + random(26))).join(''),
  );
  let text = '';
  while (text.length < bytes) text += `${words[random(words.length)] ?? ''} `;
  return new TextEncoder().encode(text.slice(0, bytes));
}

/** A frame with a window of 1 MiB around these blocks; the last one has to say so. */
export function frame(contentBytes: number, ...blocks: readonly Uint8Array[]): Uint8Array {
  const head = Buffer.alloc(10);
  head.writeUInt32LE(0xfd2fb528, 0);
  head.writeUInt8(0x80, 4);
  head.writeUInt8(10 << 3, 5);
  head.writeUInt32LE(contentBytes, 6);
  return new Uint8Array(Buffer.concat([head, ...blocks]));
}

function block(type: number, isLast: boolean, body: Uint8Array): Uint8Array {
  const header = (body.length << 3) | (type << 1) | (isLast ? 1 : 0);
  return Buffer.concat([Buffer.of(header & 255, (header >> 8) & 255, header >> 16), body]);
}

export function rawBlock(bytes: number): Uint8Array {
  return block(0, false, Buffer.alloc(bytes, 'raw bytes '));
}

/** The last block of a frame, compressed, with this body. */
export function compressedBlock(...body: readonly (number | Uint8Array)[]): Uint8Array {
  return block(2, true, Buffer.concat(body.map((part) => (typeof part === 'number' ? Buffer.of(part) : part))));
}

/** The same block with others to follow. */
export function continued(last: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(last);
  copy[0] = (copy[0] ?? 0) & 0xfe;
  return copy;
}

/** One literal "a", uncompressed (RFC 8878 §3.1.1.3.1.1). */
export const ONE_LITERAL = Uint8Array.of(1 << 3, 0x61);

/** Count and table modes of a sequences section in which all tables have one symbol (§3.1.1.3.2.1). */
export function rleSequences(count: number, literalsCode: number, offsetCode: number, matchCode: number): Uint8Array {
  const counted =
    count < 128 ? [count] : count < 0x7f00 ? [128 + (count >> 8), count & 255] : [255, (count - 0x7f00) & 255, (count - 0x7f00) >> 8];
  return Uint8Array.of(...counted, 0x54, literalsCode, offsetCode, matchCode);
}

/** A bitstream of that many bytes of ones behind its end mark. */
export function ones(bytes: number): Uint8Array {
  return Buffer.concat([Buffer.alloc(bytes, 255), Buffer.of(1)]);
}
