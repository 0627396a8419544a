/**
 * Reads a zstd bitstream from its last bit to its first (RFC 8878 §4.1.2): the
 * highest set bit of the last byte marks where it begins.
 */
export class BackwardBitReader {
  readonly #bytes: Uint8Array;
  readonly #firstBit: number;
  #bit: number;

  /** The stream is bytes[start, end), at least one byte; the last byte is not zero. */
  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#firstBit = start * 8;
    this.#bit = end * 8 - 1 - (Math.clz32(bytes[end - 1] ?? 0) - 24);
  }

  /** Bits that are left; negative once more were read than there are. */
  get remaining(): number {
    return this.#bit - this.#firstBit;
  }

  /** The next count bits, 0 to 25 of them; what lies before the start reads as anything. */
  read(count: number): number {
    this.#bit -= count;
    const at = this.#bit >> 3;
    const word =
      (this.#bytes[at] ?? 0) |
      ((this.#bytes[at + 1] ?? 0) << 8) |
      ((this.#bytes[at + 2] ?? 0) << 16) |
      ((this.#bytes[at + 3] ?? 0) << 24);
    return (word >>> (this.#bit & 7)) & ((1 << count) - 1);
  }
}
