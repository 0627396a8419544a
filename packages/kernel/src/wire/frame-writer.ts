import { HEADER_BYTES, WRITE_BUFFER_BYTES, WRITE_BUFFERS_POOLED, WRITE_COPY_BYTES_MAX } from '../limits.ts';
import type { FrameHeader } from './header.ts';
import { VERSION } from './header.ts';

/** A write buffer with its view; both are made once and travel together. */
interface WriteBuffer {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** Up to this size a loop over bytes beats a call into `TypedArray.prototype.set`. */
const LOOP_COPY_BYTES_MAX = 128;

function createWriteBuffer(bytes: number): WriteBuffer {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  return { bytes: buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength) };
}

/** Buffers that no connection needs at the moment, shared by all, so that an idle one holds none. */
export class WriteBufferPool {
  readonly #free: WriteBuffer[] = [];

  /** A buffer of at least `bytes`; from the pool when the standard size will do. */
  acquire(bytes: number): WriteBuffer {
    if (bytes > WRITE_BUFFER_BYTES) return createWriteBuffer(bytes);
    return this.#free.pop() ?? createWriteBuffer(WRITE_BUFFER_BYTES);
  }

  /** Takes a buffer back that nobody reads from any more. */
  release(buffer: WriteBuffer): void {
    if (this.#free.length < WRITE_BUFFERS_POOLED && buffer.bytes.length === WRITE_BUFFER_BYTES) {
      this.#free.push(buffer);
    }
  }
}

/**
 * Collects outgoing frames in one buffer, so that all replies of one read leave
 * in one write: 9 to 55 times less CPU than a write per frame. Payloads above
 * WRITE_COPY_BYTES_MAX are referenced instead of copied and leave by writev.
 *
 * The owner calls `take()`, writes the segments in order, and calls
 * `recycle()` once the kernel has them, or `forget()` if it still reads them.
 */
export class FrameWriter {
  /** Bytes collected and not taken yet. */
  pendingBytes = 0;

  readonly #pool: WriteBufferPool;
  #current: WriteBuffer | undefined;
  /** Start of the part of `#current` that is in no segment yet, and where writing goes on. */
  #from = 0;
  #at = 0;
  #segments: Uint8Array[] = [];
  #used: WriteBuffer[] = [];

  constructor(pool: WriteBufferPool) {
    this.#pool = pool;
  }

  /**
   * Appends a frame that belongs to the exchange of `to` (tenant, app and
   * corr_id are taken from it) with payload `payload[start..end)`.
   *
   * @param keep payload memory stays unchanged until it is on the wire, so that
   *   a large one may be referenced rather than copied
   */
  append(
    to: FrameHeader,
    flags: number,
    code: number,
    payload: Uint8Array,
    start: number,
    end: number,
    keep: boolean,
  ): void {
    const bytes = end - start;
    const copies = bytes <= WRITE_COPY_BYTES_MAX || !keep;
    this.#appendHeader(to, flags, code, 0, bytes, copies ? bytes : 0);
    if (copies) {
      this.#copy(payload, start, end);
    } else {
      this.#closeSegment();
      this.#segments.push(payload.subarray(start, end));
    }
  }

  /** Appends a request's frame with capability bytes; the payload memory must stay unchanged until it is sent. */
  appendWithCapability(to: FrameHeader, flags: number, code: number, capability: Uint8Array, payload: Uint8Array): void {
    const copies = payload.length <= WRITE_COPY_BYTES_MAX;
    const copiedBytes = capability.length + (copies ? payload.length : 0);
    this.#appendHeader(to, flags, code, capability.length, capability.length + payload.length, copiedBytes);
    this.#copy(capability, 0, capability.length);
    if (copies) {
      this.#copy(payload, 0, payload.length);
    } else {
      this.#closeSegment();
      this.#segments.push(payload);
    }
  }

  /** Everything collected, as segments in order; the writer starts afresh behind them. */
  take(): Uint8Array[] {
    this.#closeSegment();
    const segments = this.#segments;
    this.#segments = [];
    this.pendingBytes = 0;
    return segments;
  }

  /** The segments taken are no longer read by anyone: their buffers can be used again. */
  recycle(): void {
    for (const buffer of this.#used) this.#pool.release(buffer);
    this.#used.length = 0;
    if (this.#current !== undefined && this.#at === this.#from) {
      this.#pool.release(this.#current);
      this.#current = undefined;
      this.#from = 0;
      this.#at = 0;
    }
  }

  /** The segments taken are still being sent: leave their buffers to the garbage collector. */
  forget(): void {
    this.#used.length = 0;
    if (this.#at === this.#from) {
      this.#current = undefined;
      this.#from = 0;
      this.#at = 0;
    }
  }

  /** Writes a header and makes room for `copiedBytes` right behind it. */
  #appendHeader(
    to: FrameHeader,
    flags: number,
    code: number,
    capBytes: number,
    bodyBytes: number,
    copiedBytes: number,
  ): void {
    const at = this.#reserve(HEADER_BYTES + copiedBytes);
    const { view } = this.#current as WriteBuffer;
    const frameBytes = HEADER_BYTES + bodyBytes;
    view.setUint32(at, frameBytes);
    view.setUint16(at + 4, VERSION);
    view.setUint16(at + 6, flags);
    view.setUint16(at + 8, code);
    view.setUint16(at + 10, to.app);
    view.setInt32(at + 12, to.tenant0);
    view.setInt32(at + 16, to.tenant1);
    view.setInt32(at + 20, to.tenant2);
    view.setInt32(at + 24, to.tenant3);
    view.setUint16(at + 28, capBytes);
    view.setInt32(at + 30, to.corrHi);
    view.setInt32(at + 34, to.corrLo);
    this.#at = at + HEADER_BYTES;
    this.pendingBytes += frameBytes;
  }

  /** Copies into the room reserved. */
  #copy(from: Uint8Array, start: number, end: number): void {
    const out = (this.#current as WriteBuffer).bytes;
    const at = this.#at;
    this.#at = at + end - start;
    if (end - start <= LOOP_COPY_BYTES_MAX) {
      for (let i = start, o = at; i < end; i++, o++) out[o] = from[i] as number;
    } else if (start === 0 && end === from.length) {
      out.set(from, at);
    } else {
      out.set(from.subarray(start, end), at);
    }
  }

  /** Makes room for `bytes` in one piece and returns where they go. */
  #reserve(bytes: number): number {
    const current = this.#current;
    if (current === undefined) {
      this.#current = this.#pool.acquire(bytes);
    } else if (current.bytes.length - this.#at < bytes) {
      this.#closeSegment();
      this.#used.push(current);
      this.#current = this.#pool.acquire(bytes);
      this.#from = 0;
      this.#at = 0;
    }
    return this.#at;
  }

  #closeSegment(): void {
    if (this.#current === undefined || this.#at === this.#from) return;
    this.#segments.push(this.#current.bytes.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}
