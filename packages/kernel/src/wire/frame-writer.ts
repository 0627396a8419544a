import { HEADER_BYTES, WRITE_BUFFER_BYTES, WRITE_BUFFERS_POOLED, WRITE_COPY_BYTES_MAX } from '../limits.ts';
import { copyBytes } from './copy-bytes.ts';
import type { FrameAddress } from './header.ts';
import { VERSION } from './header.ts';

/** A write buffer with its view; both are made once and travel together. */
interface WriteBuffer {
  readonly bytes: Buffer;
  readonly view: DataView;
}

const NO_BUFFERS: readonly WriteBuffer[] = [];

function createWriteBuffer(): WriteBuffer {
  const buffer = Buffer.allocUnsafeSlow(WRITE_BUFFER_BYTES);
  return { bytes: buffer, view: new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength) };
}

/** Buffers that no connection needs at the moment, shared by all, so that an idle one holds none. */
export class WriteBufferPool {
  readonly #free: WriteBuffer[] = [];

  /** A buffer of WRITE_BUFFER_BYTES. */
  acquire(): WriteBuffer {
    return this.#free.pop() ?? createWriteBuffer();
  }

  /** Takes a buffer back that nobody reads from any more. */
  release(buffer: WriteBuffer): void {
    if (this.#free.length < WRITE_BUFFERS_POOLED) this.#free.push(buffer);
  }
}

/**
 * Collects outgoing frames in one buffer, so that all replies of one read leave
 * in one write: 9 to 55 times less CPU than a write per frame. Payloads above
 * WRITE_COPY_BYTES_MAX are referenced instead of copied and leave by writev.
 *
 * The owner calls `take()`, writes the segments in order, and calls
 * `recycle()` once the operating system has them all.
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
  /** Buffers filled since the last `take()`, and those that the taken segments lie in. */
  #full: WriteBuffer[] = [];
  #taken: readonly WriteBuffer[] = NO_BUFFERS;

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
    to: FrameAddress,
    flags: number,
    code: number,
    payload: Uint8Array,
    start: number,
    end: number,
    keep: boolean,
  ): void {
    const bytes = end - start;
    const small = bytes <= WRITE_COPY_BYTES_MAX;
    this.#appendHeader(to, flags, code, 0, bytes, small ? bytes : 0);
    if (small || !keep) {
      this.#copy(payload, start, end);
    } else {
      this.#closeSegment();
      this.#segments.push(payload.subarray(start, end));
    }
  }

  /** Appends a request's frame with capability bytes; the payload memory must stay unchanged until it is sent. */
  appendWithCapability(to: FrameAddress, flags: number, code: number, capability: Uint8Array, payload: Uint8Array): void {
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

  /**
   * Everything collected, as segments in order; the writer goes on behind them.
   * Call `recycle()` when they are sent, and only then `take()` again.
   */
  take(): Uint8Array[] {
    this.#closeSegment();
    const segments = this.#segments;
    this.#segments = [];
    this.#taken = this.#full;
    this.#full = [];
    this.pendingBytes = 0;
    return segments;
  }

  /** The segments taken are read by nobody any more: their buffers can be used again. */
  recycle(): void {
    for (const buffer of this.#taken) this.#pool.release(buffer);
    this.#taken = NO_BUFFERS;
    if (this.#current !== undefined && this.pendingBytes === 0) {
      this.#pool.release(this.#current);
      this.#current = undefined;
      this.#from = 0;
      this.#at = 0;
    }
  }

  /** Writes a header and makes room for `copiedBytes` right behind it. */
  #appendHeader(
    to: FrameAddress,
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

  /** Copies behind what is written; what finds no room goes on in further buffers. */
  #copy(from: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; ) {
      if (this.#at === WRITE_BUFFER_BYTES) this.#nextBuffer();
      const upTo = Math.min(end, at + WRITE_BUFFER_BYTES - this.#at);
      copyBytes(from, at, upTo, (this.#current as WriteBuffer).bytes, this.#at);
      this.#at += upTo - at;
      at = upTo;
    }
  }

  /** Makes room for `bytes` in one piece and returns where they go. */
  #reserve(bytes: number): number {
    if (this.#current === undefined || WRITE_BUFFER_BYTES - this.#at < bytes) this.#nextBuffer();
    return this.#at;
  }

  #nextBuffer(): void {
    this.#closeSegment();
    if (this.#current !== undefined) this.#full.push(this.#current);
    this.#current = this.#pool.acquire();
    this.#from = 0;
    this.#at = 0;
  }

  #closeSegment(): void {
    if (this.#current === undefined || this.#at === this.#from) return;
    this.#segments.push(this.#current.bytes.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }
}
