import type { FrameDecoder } from '@omnigate/kernel/wire';

/** Up to this size a loop over bytes beats `subarray()` and `set()`. */
const LOOP_BYTES_MAX = 32;

/**
 * The payload of the decoder's current frame in memory that the read buffer
 * does not reuse: the caller's own. Small ones share Node's buffer pool.
 */
export function ownPayload(decoder: FrameDecoder): Uint8Array {
  const { buffer, payloadStart, payloadEnd } = decoder;
  if (decoder.owned) return buffer.subarray(payloadStart, payloadEnd);
  const bytes = payloadEnd - payloadStart;
  const copy = Buffer.allocUnsafe(bytes);
  if (bytes <= LOOP_BYTES_MAX) {
    for (let at = 0; at < bytes; at++) copy[at] = buffer[payloadStart + at] as number;
  } else {
    copy.set(buffer.subarray(payloadStart, payloadEnd));
  }
  return copy;
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
