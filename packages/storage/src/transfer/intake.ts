import { LEAF_BYTES } from '../limits.ts';

/** Bytes of a PUT, ready to be hashed and written. */
export interface Filled {
  /** One byte to spare, then the bytes. */
  readonly memory: Buffer;
  /** Bytes behind the one to spare; whole leaves unless it is the last. */
  bytes: number;
}

/** Collects the payload of a PUT into batches of whole leaves; who takes them decides how fast more may come. */
export class Intake {
  /** Bytes that came. */
  totalBytes = 0;
  /** No more will come. */
  complete = false;
  readonly #batchBytes: () => number;
  readonly #full: Filled[] = [];
  #current: Filled | undefined;
  #wake: (() => void) | undefined;

  /**
   * @param hintBytes how many will come, where that is known
   * @param size of a further batch, at the moment it is begun
   */
  constructor(hintBytes: number | undefined, size: () => number) {
    this.#batchBytes = size;
    // Most blobs are small: the first batch is one leaf, or just so large that the end is seen before it is full.
    this.#current = allocate(Math.min((hintBytes ?? LEAF_BYTES) + 1, LEAF_BYTES));
  }

  push(payload: Uint8Array): void {
    this.totalBytes += payload.length;
    for (let at = 0; at < payload.length; ) {
      const current = (this.#current ??= allocate(this.#batchBytes()));
      const room = current.memory.length - 1 - current.bytes;
      const upTo = Math.min(payload.length, at + room);
      current.memory.set(payload.subarray(at, upTo), 1 + current.bytes);
      current.bytes += upTo - at;
      at = upTo;
      if (current.bytes === current.memory.length - 1) {
        this.#full.push(current);
        this.#current = undefined;
      }
    }
    this.wake();
  }

  end(): void {
    this.complete = true;
    this.wake();
  }

  /** Lets `next` look again. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** The next batch; what is left, once all came; `undefined` behind that, or when `stopped` says so. */
  async next(stopped: () => boolean): Promise<Filled | undefined> {
    for (;;) {
      if (stopped()) return undefined;
      const full = this.#full.shift();
      if (full !== undefined) return full;
      if (this.complete) {
        const rest = this.#current;
        this.#current = undefined;
        return rest === undefined || rest.bytes === 0 ? undefined : rest;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function allocate(bytes: number): Filled {
  return { memory: Buffer.allocUnsafeSlow(bytes + 1), bytes: 0 };
}
