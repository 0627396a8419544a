import { LEAF_BYTES, READ_BUFFERS_KEPT_BYTES_MAX } from '../limits.ts';

/**
 * Memory for reads, used again when what was read has left: fresh memory of such
 * sizes is mapped anew by the operating system, which costs more than reading into
 * it, and collected late.
 */
export class ReadBuffers {
  /** By the leaves they have room for, beside a byte to spare in front. */
  readonly #free = new Map<number, Uint8Array[]>();
  #freeBytes = 0;

  /** Room for so many leaves and the byte to spare. */
  acquire(leaves: number): Uint8Array {
    const buffer = this.#free.get(leaves)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(leaves * LEAF_BYTES + 1);
    this.#freeBytes -= buffer.length;
    return buffer;
  }

  /** Takes back what nobody reads or writes any more. */
  release(buffer: Uint8Array): void {
    const leaves = (buffer.length - 1) / LEAF_BYTES;
    while (this.#freeBytes + buffer.length > READ_BUFFERS_KEPT_BYTES_MAX) {
      // With more or fewer transfers than before, reads have another size.
      if (!this.#dropOther(leaves)) return;
    }
    const free = this.#free.get(leaves);
    if (free === undefined) this.#free.set(leaves, [buffer]);
    else free.push(buffer);
    this.#freeBytes += buffer.length;
  }

  /** Lets go of a buffer of another size; false when there is none. */
  #dropOther(leaves: number): boolean {
    for (const [size, free] of this.#free) {
      const dropped = size === leaves ? undefined : free.pop();
      if (dropped === undefined) continue;
      this.#freeBytes -= dropped.length;
      return true;
    }
    return false;
  }
}
