import type { Target } from '../src/engine/target.ts';

/** A reader with a fault behind three comparisons, each of which a search has to see before it can make the next. */
export function readPlanted(bytes: Uint8Array): string {
  if (bytes[0] !== 0x4f) return 'no magic';
  if (bytes[1] !== 0x41) return 'half a magic';
  if (bytes[2] !== 0x50) return 'no version';
  const length = bytes[3] ?? 0;
  if (length < 4) return 'short';
  if (bytes.length - 4 < length) return 'truncated';
  if (bytes[4] === 0xff) throw new TypeError('planted');
  return 'ok';
}

/** The reader as a target. */
export const planted: Target = {
  name: 'planted',
  covers: [import.meta.url],
  seeds: [new Uint8Array(4)],
  dictionary: ['O', 'A', 'P'].map((letter) => new Uint8Array(Buffer.from(letter))),
  run: (input) => readPlanted(input) === 'ok',
};
