import type { Socket } from 'node:net';
import { FrameWriter } from '@omnigate/kernel/wire';
import type { FrameAddress, WriteBufferPool } from '@omnigate/kernel/wire';
import { UPLOAD_PAUSE_BYTES, WRITE_PAUSE_BYTES } from './limits.ts';
import { monotonicMs } from './sweep.ts';

/**
 * The way out of one connection. Frames of one turn are collected and leave in
 * one write: after all promises that a read resolved have run, so that the
 * requests they make share it too. While the socket is blocked they wait.
 */
export class Outbound {
  /** Counts writes: a frame collected at the present number has not left yet. */
  flushes = 0;
  /** The time when this turn first collected or read something, monotonic milliseconds. */
  nowMs = 0;
  /** Set while a read is handled, which flushes at its end. */
  corked = false;

  readonly #socket: Socket;
  readonly #writer: FrameWriter;
  readonly #onDrain: () => void;
  /** Bytes of the last write that the operating system has not taken yet. */
  #unsentBytes = 0;
  #scheduled = false;

  constructor(socket: Socket, pool: WriteBufferPool, onDrain: () => void) {
    this.#socket = socket;
    this.#writer = new FrameWriter(pool);
    this.#onDrain = onDrain;
  }

  /** Whether so much is unsent that nothing should be added but what must. */
  get congested(): boolean {
    return this.#writer.pendingBytes + this.#unsentBytes >= WRITE_PAUSE_BYTES;
  }

  /** Whether so much is unsent that bulk should leave the room to others. */
  get busy(): boolean {
    return this.#writer.pendingBytes + this.#unsentBytes >= UPLOAD_PAUSE_BYTES;
  }

  /** Whether everything is with the operating system. */
  get empty(): boolean {
    return this.#writer.pendingBytes === 0 && this.#unsentBytes === 0;
  }

  /** Collects a frame with payload `payload[start..end)`, which must not change until it was sent. */
  append(to: FrameAddress, flags: number, code: number, payload: Uint8Array, start: number, end: number): void {
    if (!this.#scheduled) this.#schedule();
    this.#writer.append(to, flags, code, payload, start, end, true);
  }

  /** Collects a START frame with a capability. */
  appendWithCapability(to: FrameAddress, flags: number, code: number, capability: Uint8Array, payload: Uint8Array): void {
    if (!this.#scheduled) this.#schedule();
    this.#writer.appendWithCapability(to, flags, code, capability, payload);
  }

  /** Writes what was collected, unless an earlier write is still on its way. */
  flush(): void {
    this.#scheduled = false;
    if (this.#writer.pendingBytes === 0 || this.#unsentBytes > 0 || this.#socket.destroyed) return;
    const socket = this.#socket;
    const bytes = this.#writer.pendingBytes;
    const segments = this.#writer.take();
    const last = segments.length - 1;
    this.flushes++;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(segments[i] as Uint8Array);
    socket.write(segments[last] as Uint8Array, this.#onWritten);
    if (last > 0) socket.uncork();
    if (socket.writableLength > 0) {
      this.#unsentBytes = bytes;
      return;
    }
    this.#writer.recycle();
    // Whoever was held back waits to hear of it, also when one write was enough.
    if (bytes >= UPLOAD_PAUSE_BYTES) this.#onDrain();
  }

  #schedule(): void {
    if (this.corked) return;
    this.#scheduled = true;
    this.nowMs = monotonicMs();
    process.nextTick(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    if (this.#scheduled) this.flush();
  };

  readonly #onWritten = (error?: Error | null): void => {
    if (this.#unsentBytes === 0 || error !== undefined && error !== null || this.#socket.writableLength > 0) return;
    this.#unsentBytes = 0;
    this.#writer.recycle();
    this.flush();
    this.#onDrain();
  };
}
