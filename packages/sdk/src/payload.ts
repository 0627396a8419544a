import { markAsUntransferable } from 'node:worker_threads';
import type { FrameDecoder } from '@omnigate/kernel/wire';
import { PAYLOAD_SLAB_BYTES } from './limits.ts';

/** Up to this size the engine keeps an array on its own heap, which is twice as fast as any pool. */
const HEAP_BYTES_MAX = 64;

/**
 * Takes payloads out of the read buffer, into memory that is the caller's own.
 * Those of middling size share slabs, as Buffers do: an allocation outside of
 * the heap costs as much as a whole request.
 */
export class PayloadMemory {
  #slab: Uint8Array | undefined;
  #at = 0;

  /** The payload of the decoder's current frame. */
  take(decoder: FrameDecoder): Uint8Array {
    const { buffer, payloadStart, payloadEnd } = decoder;
    if (decoder.owned) return buffer.subarray(payloadStart, payloadEnd);
    const bytes = payloadEnd - payloadStart;
    if (bytes <= HEAP_BYTES_MAX || bytes * 2 > PAYLOAD_SLAB_BYTES) return buffer.slice(payloadStart, payloadEnd);
    const copy = this.#reserve(bytes);
    copy.set(buffer.subarray(payloadStart, payloadEnd));
    return copy;
  }

  #reserve(bytes: number): Uint8Array {
    let slab = this.#slab;
    if (slab === undefined || this.#at + bytes > PAYLOAD_SLAB_BYTES) {
      slab = new Uint8Array(PAYLOAD_SLAB_BYTES);
      // A payload that is transferred to a worker must not take its neighbours along.
      markAsUntransferable(slab.buffer);
      this.#slab = slab;
      this.#at = 0;
    }
    const start = this.#at;
    // Aligned, so that a view of wider numbers can be made of it.
    this.#at = (start + bytes + 7) & ~7;
    return slab.subarray(start, start + bytes);
  }
}

/** Several pieces as one. */
export function joinParts(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
