import { spawnSync } from 'node:child_process';

/** As t.test's `skip`: false when the zstd command is there, else why tests with it are skipped. */
export const noZstd: string | false =
  spawnSync('zstd', ['--version']).status === 0 ? false : 'NOT RUN: the zstd command is missing, install it (Debian: zstd)';

/** Runs the zstd command over the input; its output, or undefined when it refused. */
export function zstd(input: Uint8Array, ...args: readonly string[]): Uint8Array | undefined {
  const run = spawnSync('zstd', ['-c', '-q', ...args], { input, maxBuffer: 1 << 26 });
  return run.status === 0 ? new Uint8Array(run.stdout) : undefined;
}

/** One frame with its content size, as the zstd command makes it. */
export function zstdFrame(content: Uint8Array, ...args: readonly string[]): Uint8Array {
  const made = zstd(content, `--stream-size=${content.length}`, ...args);
  if (made === undefined) throw new Error(`zstd ${args.join(' ')} failed`);
  return made;
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

/** The sequences of a block: how often, and the codes and extra bits all of them have. */
export interface Sequences {
  readonly count: number;
  readonly offsetCode: number;
  readonly matchCode: number;
  /** Extra bits of offset and match together in whole bytes, all of them ones. */
  readonly extraBytes: number;
}

/** Eight raw bytes, then one compressed block of these sequences (RFC 8878 §3.1.1.3.2). */
export function frameOfSequences(contentBytes: number, { count, offsetCode, matchCode, extraBytes }: Sequences): Uint8Array {
  const literals = [1 << 3, 0x61];
  const counted = count < 128 ? [count] : [128 + (count >> 8), count & 255];
  const allRle = 0x54;
  const body = [...literals, ...counted, allRle, 0, offsetCode, matchCode];
  const size = body.length + count * extraBytes + 1;
  const header = (size << 3) | (2 << 1) | 1;
  const head = Buffer.alloc(10);
  head.writeUInt32LE(0xfd2fb528, 0);
  head.writeUInt8(0x80, 4);
  head.writeUInt8(10 << 3, 5);
  head.writeUInt32LE(contentBytes, 6);
  return new Uint8Array(
    Buffer.concat([
      head,
      Buffer.of(8 << 3, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
      Buffer.of(header & 255, (header >> 8) & 255, header >> 16, ...body),
      Buffer.alloc(count * extraBytes, 255),
      Buffer.of(1),
    ]),
  );
}
