import type { Target } from '../src/engine/target.ts';
import { planted } from './planted.ts';

const base = { covers: [import.meta.url], seeds: [Uint8Array.of(1)], dictionary: [] };
const kept: number[][] = [];

/** Targets that do what no target should. */
export const TARGETS = {
  planted: (): Promise<Target> => Promise.resolve(planted),
  endless: (): Promise<Target> =>
    Promise.resolve({
      ...base,
      name: 'endless',
      run: (input) => {
        while (input.length > 0);
        return true;
      },
    }),
  greedy: (): Promise<Target> =>
    Promise.resolve({
      ...base,
      name: 'greedy',
      run: (input) => {
        while (input.length > 0) kept.push(new Array<number>(100_000).fill(kept.length));
        return true;
      },
    }),
  broken: (): Promise<Target> => Promise.reject(new Error('does not open')),
};
