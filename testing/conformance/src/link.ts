import type { Socket } from 'node:net';
import { FRAME_BYTES_MAX } from './bounds.ts';
import { Deviation } from './deviation.ts';
import type { Trace } from './trace.ts';
import { decodeFrame, describeFrame, faultOf, HEADER_BYTES } from './wire/frame.ts';
import type { Frame } from './wire/frame.ts';

/** How a connection ended: in good order, or reset. */
export type End = 'fin' | 'reset';

/**
 * One end of a connection on a bare socket: sends what it is told, legal or not,
 * takes the peer's bytes apart and keeps the frames, and closes nothing by itself.
 */
export class Link implements Disposable {
  /** Frames received and not taken. */
  readonly inbox: Frame[] = [];
  /** How the peer ended the connection, once it did. */
  end: End | undefined;
  /** Longest frame that the peer may send. */
  frameBytesMax = FRAME_BYTES_MAX;
  /** Told of each frame as it comes, and says whether to keep it; a deviation that it throws fails the case. */
  onFrame: (frame: Frame) => boolean = () => true;
  readonly #socket: Socket;
  readonly #trace: Trace;
  readonly #patienceMs: number;
  #unread = Buffer.alloc(0);
  #fault: Error | undefined;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket, trace: Trace, patienceMs: number) {
    this.#socket = socket;
    this.#trace = trace;
    this.#patienceMs = patienceMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('end', () => {
      this.#ended('fin');
    });
    for (const event of ['error', 'close']) {
      socket.on(event, () => {
        this.#ended('reset');
      });
    }
  }

  /** Writes all parts in one go. */
  send(...parts: readonly Buffer[]): void {
    // Nothing can be sent any more on a half-closed connection, such as CREDIT for a reply that still comes.
    if (!this.#socket.writable) return;
    for (const bytes of parts) this.#trace.bytes('>', bytes);
    this.#socket.write(Buffer.concat(parts));
  }

  /** Writes pieces of this size, each in a packet of its own as far as one can tell. */
  async sendSplit(bytes: Buffer, ...pieces: readonly number[]): Promise<void> {
    this.#trace.bytes('>', bytes);
    let at = 0;
    for (let turn = 0; at < bytes.length; turn++) {
      const size = pieces[turn % pieces.length] ?? 1;
      this.#socket.write(bytes.subarray(at, at + size));
      at += size;
      await new Promise(setImmediate);
    }
  }

  /** Half-closes. */
  finish(): void {
    this.#trace.note('end of what is sent (FIN)');
    this.#socket.end();
  }

  /** Stops reading, as a peer does that is stuck. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The next frame with this corr_id, or that `wanted` accepts; removed from the inbox. */
  async take(wanted: bigint | number | ((frame: Frame) => boolean), what: string, withinMs = this.#patienceMs): Promise<Frame> {
    const accepts = typeof wanted === 'function' ? wanted : (frame: Frame) => frame.corr === BigInt(wanted);
    return this.#until(
      () => {
        const at = this.inbox.findIndex(accepts);
        if (at >= 0) return this.inbox.splice(at, 1)[0];
        if (this.end !== undefined) throw new Deviation(what, `the end of the connection (${this.end})${this.#others()}`);
        return undefined;
      },
      withinMs,
      what,
    );
  }

  /** Waits until the peer ends the connection. */
  async ended(withinMs = this.#patienceMs): Promise<End> {
    return this.#until(() => this.end, withinMs, 'the end of the connection');
  }

  /** Waits until `look` says something else than `undefined`; looks whenever something came. */
  async until<T>(look: () => T | undefined, what: string, withinMs = this.#patienceMs): Promise<T> {
    return this.#until(look, withinMs, what);
  }

  /** What the case was told to throw, if the peer's bytes were wrong in themselves. */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #others(): string {
    return this.inbox.length === 0 ? '' : `, after ${this.inbox.map(describeFrame).join('; ')}`;
  }

  #ended(how: End): void {
    this.end ??= how;
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #until<T>(look: () => T | undefined, withinMs: number, what: string): Promise<T> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      this.check();
      const found = look();
      if (found !== undefined) return found;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Deviation(what, `nothing within ${withinMs} ms${this.#others()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    while (this.#fault === undefined) {
      const fault = faultOf(this.#unread, this.frameBytesMax);
      if (fault !== undefined) {
        this.#trace.bytes('<', this.#unread);
        this.#fault = new Deviation('frames that §3 allows', fault, '3.3');
        break;
      }
      const len = this.#unread.length < HEADER_BYTES ? Infinity : this.#unread.readUInt32BE(0);
      if (this.#unread.length < len) break;
      const bytes = this.#unread.subarray(0, len);
      this.#unread = this.#unread.subarray(len);
      this.#trace.bytes('<', bytes);
      this.#take(decodeFrame(bytes));
    }
    this.#changed();
  }

  #take(frame: Frame): void {
    try {
      if (this.onFrame(frame)) this.inbox.push(frame);
    } catch (error) {
      this.#fault = error instanceof Error ? error : new Error(String(error));
    }
  }
}
