import { INPUT_BYTES_MAX } from './bounds.ts';
import type { Totals } from './engine/search.ts';

const TOTALS = ['executions', 'taken', 'compared', 'features', 'functions', 'characters', 'reached', 'inputs', 'fresh', 'findings'] as const satisfies readonly (keyof Totals)[];
const Word = { STOP: 0, BEATS: 1, INPUT_BYTES: 2, WORDS: 4 } as const;
const TOTALS_AT = Word.WORDS * 4;
const INPUT_AT = TOTALS_AT + TOTALS.length * 8;

/**
 * Memory that a searching thread shares with the one that watches it: an input
 * that never ends, or takes all memory, can still be read from here.
 */
export class SharedState {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #totals: Float64Array;
  readonly #input: Uint8Array;

  constructor(buffer = new SharedArrayBuffer(INPUT_AT + INPUT_BYTES_MAX)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, Word.WORDS);
    this.#totals = new Float64Array(buffer, TOTALS_AT, TOTALS.length);
    this.#input = new Uint8Array(buffer, INPUT_AT);
  }

  // The searching thread

  get stopping(): boolean {
    return Atomics.load(this.#words, Word.STOP) === 1;
  }

  /** An input is about to be run. */
  runs(input: Uint8Array): void {
    this.#input.set(input);
    this.#words[Word.INPUT_BYTES] = input.length;
    Atomics.add(this.#words, Word.BEATS, 1);
  }

  publish(totals: Totals): void {
    TOTALS.forEach((name, index) => {
      this.#totals[index] = totals[name];
    });
  }

  // The watching thread

  stop(): void {
    Atomics.store(this.#words, Word.STOP, 1);
  }

  /** Changes whenever an input is run. */
  get beats(): number {
    return Atomics.load(this.#words, Word.BEATS);
  }

  /** The input that is run now, or was last. */
  get input(): Uint8Array {
    return this.#input.slice(0, this.#words[Word.INPUT_BYTES]);
  }

  get totals(): Totals {
    return Object.fromEntries(TOTALS.map((name, index) => [name, this.#totals[index] ?? 0])) as unknown as Totals;
  }
}
