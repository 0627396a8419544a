import type { RequestBody } from '@omnigate/kernel';
import type { ReadBuffers } from '../disk/read-buffers.ts';
import { AT_HAND_BYTES_MAX } from '../limits.ts';

/** Memory of answers that were given at once, until they have left. */
export class LentMemory {
  readonly #buffers: ReadBuffers;
  #bytes = 0;

  /** @param buffers where it goes then */
  constructor(buffers: ReadBuffers) {
    this.#buffers = buffers;
  }

  /** Whether so much is out that no more is to be lent. */
  get exhausted(): boolean {
    return this.#bytes >= AT_HAND_BYTES_MAX;
  }

  /** Hears of a reply of so many bytes that `memory` is lent to. */
  lend(memory: Uint8Array, replyBytes: number): RequestBody {
    this.#bytes += memory.length;
    let left = replyBytes;
    return {
      onSent: (bytes) => {
        left -= bytes;
        if (left > 0) return;
        this.#bytes -= memory.length;
        this.#buffers.release(memory);
      },
    };
  }
}
