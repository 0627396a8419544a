import { OapError, Reject } from '@omnigate/kernel';
import type { RequestBody, ServiceReply } from '@omnigate/kernel';
import { REQUEST_BYTES_MAX } from '../limits.ts';

/** A small request that comes in several frames; answered when it is there. */
export class CollectedRequest implements RequestBody {
  readonly #reply: ServiceReply;
  readonly #answer: (body: Uint8Array) => RequestBody | undefined;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  #answered: RequestBody | undefined;

  /** @param answer throws what it refuses with */
  constructor(first: Uint8Array, reply: ServiceReply, answer: (body: Uint8Array) => RequestBody | undefined) {
    this.#reply = reply;
    this.#answer = answer;
    this.onData(first);
  }

  onData(payload: Uint8Array): void {
    if (this.#reply.ended) return;
    this.#bytes += payload.length;
    if (this.#bytes > REQUEST_BYTES_MAX) {
      this.#reply.fail(new OapError(Reject.stream_too_large));
      this.#parts.length = 0;
      return;
    }
    // The kernel uses the memory again, and slice() of a Buffer is no copy.
    this.#parts.push(new Uint8Array(payload));
  }

  onEnd(): void {
    if (!this.#reply.ended) this.#answered = this.#answer(Buffer.concat(this.#parts));
  }

  onDrain(): void {
    this.#answered?.onDrain?.();
  }

  onCancel(): void {
    this.#answered?.onCancel?.();
  }
}
