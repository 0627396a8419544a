/** A small generator of random numbers that gives the same ones for the same seed (sfc32 by Chris Doty-Humphrey). */
export class Random {
  #a = 0;
  #b = 0;
  #c: number;
  #d = 1;

  constructor(seed: number) {
    this.#c = seed | 0;
    for (let warmUp = 0; warmUp < 12; warmUp++) this.next();
  }

  /** 32 bits, unsigned. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return end <= 1 ? 0 : this.next() % end;
  }

  /** Whether a chance of one in `n` came. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** Small numbers more often than large ones, from 0 to below `end`. */
  skewed(end: number): number {
    return this.below(this.below(end) + 1);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next());
  }
}

/** A seed out of bytes (FNV-1a), so that choices that belong to an input are the same whenever it is run. */
export function seedOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
