import { OapError, Reject } from '@omnigate/kernel';
import type { RequestBody, ServiceReply } from '@omnigate/kernel';
import type { PartSink } from './download.ts';

/** A GET's way out: parts go to the reply, and what the kernel tells about it wakes the download. */
export class GetStream implements RequestBody, PartSink {
  readonly #reply: ServiceReply;
  readonly #status: number;
  readonly #flags: number;
  #wake: (() => void) | undefined;

  constructor(reply: ServiceReply, status: number, flags: number) {
    this.#reply = reply;
    this.#status = status;
    this.#flags = flags;
  }

  get gone(): boolean {
    return this.#reply.ended;
  }

  write(part: Uint8Array): boolean {
    return this.#reply.write(this.#status, part, this.#flags);
  }

  end(part: Uint8Array): void {
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

  #awake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
