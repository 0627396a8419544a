import type { Random } from './random.ts';

/** Something that reads bytes, and how to tell that it reads them well. */
export interface Target {
  readonly name: string;
  /** Beginnings of the URLs of the modules whose coverage guides the search. */
  readonly covers: readonly string[];
  /** Inputs to begin with. */
  readonly seeds: readonly Uint8Array[];
  /** What to put into inputs: bytes that comparisons look for. */
  readonly dictionary: readonly Uint8Array[];
  /** Longest input; INPUT_BYTES_MAX when it is absent. */
  readonly bytesMax?: number;
  /**
   * Runs one input.
   *
   * @returns whether it was taken and not refused, which is counted
   * @throws Finding, or anything that the code under test was not to throw
   */
  readonly run: (input: Uint8Array) => boolean;
  /** Makes a new input by rule, where random changes seldom give one that is taken. */
  readonly generate?: (random: Random) => Uint8Array;
  /** Repairs what random changes break first, such as a length. */
  readonly mend?: (input: Uint8Array, random: Random) => Uint8Array;
  /** Shows the input to another program as well; throws Finding when that one disagrees. */
  readonly compare?: (input: Uint8Array) => Promise<void>;
  /** Why `compare` cannot be done on this machine. */
  readonly compareSkipped?: string | undefined;
  /** Ends other programs. */
  readonly close?: () => void;
}

/** An input was dealt with wrongly. */
export class Finding extends Error {
  override readonly name = 'Finding';
  /** Which rule was broken, such as `split` or `round-trip`. */
  readonly oracle: string;

  constructor(oracle: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.oracle = oracle;
  }
}

/** @throws Finding unless `holds` */
export function expect(holds: boolean, oracle: string, message: () => string): asserts holds {
  if (!holds) throw new Finding(oracle, message());
}
