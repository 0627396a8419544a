import { OapError, Reject } from '@omnigate/kernel';
import type { RequestBody, ServiceReply } from '@omnigate/kernel';
import type { ReadBuffers } from '../disk/read-buffers.ts';
import type { PartSink } from './download.ts';

/** A GET's way out: parts go to the reply, and what the kernel tells about it wakes the download. */
export class GetStream implements RequestBody, PartSink {
  readonly #reply: ServiceReply;
  readonly #status: number;
  readonly #flags: number;
  readonly #buffers: ReadBuffers;
  /** Memory of what was written, in its order, with the bytes of the reply up to its end. */
  readonly #lent: { readonly memory: Uint8Array; readonly endBytes: number }[] = [];
  #writtenBytes = 0;
  #sentBytes = 0;
  #wake: (() => void) | undefined;

  /** @param buffers where memory goes when what it held has left */
  constructor(reply: ServiceReply, status: number, flags: number, buffers: ReadBuffers) {
    this.#reply = reply;
    this.#status = status;
    this.#flags = flags;
    this.#buffers = buffers;
  }

  get gone(): boolean {
    return this.#reply.ended;
  }

  write(part: Uint8Array, memory?: Uint8Array): boolean {
    this.#book(part, memory);
    return this.#reply.write(this.#status, part, this.#flags);
  }

  end(part: Uint8Array, memory?: Uint8Array): void {
    this.#book(part, memory);
    this.#reply.end(this.#status, part, this.#flags);
  }

  drained(): Promise<void> {
    if (this.#reply.ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The service stops. */
  abort(): void {
    this.#reply.fail(new OapError(Reject.service_unavailable));
    this.#awake();
  }

  onDrain(): void {
    this.#awake();
  }

  onCancel(): void {
    this.#awake();
  }

  onSent(bytes: number): void {
    this.#sentBytes += bytes;
    for (let first = this.#lent[0]; first !== undefined && first.endBytes <= this.#sentBytes; first = this.#lent[0]) {
      this.#lent.shift();
      this.#buffers.release(first.memory);
    }
  }

  #book(part: Uint8Array, memory: Uint8Array | undefined): void {
    this.#writtenBytes += part.length;
    if (memory !== undefined) this.#lent.push({ memory, endBytes: this.#writtenBytes });
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
