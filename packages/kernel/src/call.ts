import { CALL_BYTES_MAX, REQUEST_PIECE_BYTES } from './limits.ts';
import type { RequestBody, ServiceReply, ServiceRequest } from './service.ts';
import { Status } from './wire/control.ts';
import { Flag } from './wire/header.ts';
import { corrToText, tenantToHex } from './wire/identifiers.ts';
import { OapError } from './wire/oap-error.ts';
import { Reject } from './wire/reject.ts';

/** What an operation may give back: nothing, one body, or the parts of a long one. */
export type CallResult = Uint8Array | string | AsyncIterable<Uint8Array | string> | undefined;

/** One request as an operation of `defineService` sees it. */
export class Call implements RequestBody, AsyncIterable<Uint8Array> {
  readonly #request: ServiceRequest;
  readonly #reply: ServiceReply;
  /** Parts that came and were not read; bounded by the credit the peer has. */
  readonly #parts: Uint8Array[] = [];
  /** What the newest part lies in, when small ones were collected there. */
  #piece: Uint8Array | undefined;
  readonly #cancelled = new AbortController();
  #complete: boolean;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(request: ServiceRequest, reply: ServiceReply) {
    this.#request = request;
    this.#reply = reply;
    this.#complete = request.complete;
    if (request.payload.length > 0) this.#parts.push(request.payload);
  }

  /** Operation code. */
  get code(): number {
    return this.#request.code;
  }

  /** Tenant of the request, 32 hex digits. */
  get tenant(): string {
    return tenantToHex(this.#request);
  }

  /** corr_id of the request, decimal; put it into log lines. */
  get corrId(): string {
    return corrToText(this.#request.corrHi, this.#request.corrLo);
  }

  /**
   * To be called with each topic or path that the payload names, before anything is done.
   *
   * @throws OapError when the caller's capability is for others
   */
  checkTopic(topic: string): void {
    this.#request.checkTopic(topic);
  }

  /** True when the payload is the application's own ciphertext; the reply carries the same mark. */
  get endToEnd(): boolean {
    return (this.#request.flags & Flag.APP_E2E) !== 0;
  }

  /** Aborted when the peer cancels or is gone. */
  get signal(): AbortSignal {
    return this.#cancelled.signal;
  }

  /**
   * The whole request.
   *
   * @throws OapError stream_too_large beyond CALL_BYTES_MAX: iterate instead
   */
  async bytes(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of this) {
      bytes += part.length;
      if (bytes > CALL_BYTES_MAX) throw new OapError(Reject.stream_too_large);
      parts.push(part);
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
  }

  /** The whole request as UTF-8 text; see `bytes()`. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /**
   * The parts of the request as they come; reading one lets the peer send more.
   *
   * @throws OapError cancelled when the peer let go
   */
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined) {
        yield part;
        this.#reply.consumed(part.length);
      } else if (this.#cancelled.signal.aborted) {
        throw new OapError(Reject.cancelled, { message: 'The peer cancelled the request.' });
      } else if (this.#complete) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    }
  }

  /** Runs an operation and sends what it gives back; whatever it throws goes to `onThrown`. */
  async run(operation: (call: Call) => CallResult | Promise<CallResult>, onThrown: (thrown: unknown) => void): Promise<void> {
    try {
      const result = await operation(this);
      if (result === undefined || typeof result === 'string' || result instanceof Uint8Array) {
        this.#reply.end(Status.OK, toBytes(result), this.#replyFlags);
      } else {
        await this.#send(result);
      }
    } catch (thrown) {
      // Whoever let go does not hear what the operation made of that.
      if (!this.#cancelled.signal.aborted) onThrown(thrown);
    }
  }

  onData(payload: Uint8Array): void {
    const newest = this.#parts.at(-1);
    if (newest === undefined || payload.length > REQUEST_PIECE_BYTES / 2) this.#parts.push(payload);
    else this.#collect(newest, payload);
    this.#wakeReader?.();
  }

  /** Puts a small part behind the newest one: by itself it would cost hundreds of bytes, and the peer decides how many there are. */
  #collect(newest: Uint8Array, payload: Uint8Array): void {
    const piece = this.#piece;
    const from = newest.length;
    if (piece !== undefined && newest.buffer === piece.buffer && from + payload.length <= piece.length) {
      piece.set(payload, from);
      this.#parts[this.#parts.length - 1] = piece.subarray(0, from + payload.length);
    } else {
      const fresh = new Uint8Array(REQUEST_PIECE_BYTES);
      fresh.set(payload);
      this.#piece = fresh;
      this.#parts.push(fresh.subarray(0, payload.length));
    }
  }

  onEnd(): void {
    this.#complete = true;
    this.#wakeReader?.();
  }

  onCancel(): void {
    this.#cancelled.abort();
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }

  onDrain(): void {
    this.#wakeWriter?.();
  }

  get #replyFlags(): number {
    return this.#request.flags & Flag.APP_E2E;
  }

  async #send(parts: AsyncIterable<Uint8Array | string>): Promise<void> {
    for await (const part of parts) {
      if (this.#reply.ended) return;
      if (!this.#reply.write(Status.OK, toBytes(part), this.#replyFlags)) {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve;
        });
      }
    }
    this.#reply.end(Status.OK, undefined, this.#replyFlags);
  }
}

const NO_BYTES = new Uint8Array(0);

function toBytes(value: Uint8Array | string | undefined): Uint8Array {
  if (value === undefined) return NO_BYTES;
  return typeof value === 'string' ? new TextEncoder().encode(value) : value;
}
