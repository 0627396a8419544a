import { Flag } from '@omnigate/kernel/wire';
import type { HelloReply } from '@omnigate/kernel/wire';
import type { Exchange } from './exchange.ts';
import type { Outbound } from './outbound.ts';
import { Upload } from './upload.ts';

/** The requests of one connection that take several frames and are not sent in full. */
export class Uploads {
  readonly #outbound: Outbound;
  readonly #hello: HelloReply;
  readonly #exchanges = new Set<Exchange>();

  constructor(outbound: Outbound, hello: HelloReply) {
    this.#outbound = outbound;
    this.#hello = hello;
  }

  /** Begins to send a request. */
  start(exchange: Exchange): void {
    if (exchange.request !== undefined) {
      exchange.upload = new Upload();
      exchange.upload.push(exchange.request);
      exchange.upload.finish();
    }
    exchange.upload?.open(this.#hello.initial_window);
    this.#exchanges.add(exchange);
    this.pump(exchange);
  }

  /** Books what a CREDIT granted and sends on. */
  grant(exchange: Exchange, bytes: number): void {
    exchange.upload?.grant(bytes);
    this.pump(exchange);
  }

  /** Sends of one request what may be sent now. */
  pump(exchange: Exchange): void {
    if (!this.#exchanges.has(exchange)) return;
    while (!this.#outbound.busy && this.#sendFrame(exchange));
  }

  /** The socket takes bytes again: one frame of each request in turn. */
  drained(): void {
    for (const exchange of this.#exchanges) {
      if (this.#outbound.busy) return;
      if (!this.#sendFrame(exchange) || exchange.upload?.finished !== false) continue;
      // Set iteration visits what is added behind, so that all take turns.
      this.#exchanges.delete(exchange);
      this.#exchanges.add(exchange);
    }
  }

  /** Nothing more is sent of this one. */
  forget(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
  }

  clear(): void {
    this.#exchanges.clear();
  }

  /** Sends one frame; false when the request has nothing to send or no credit. */
  #sendFrame(exchange: Exchange): boolean {
    const { upload, terms } = exchange;
    if (upload === undefined) return false;
    const capability = upload.started ? undefined : exchange.capability;
    const frameBytesMax = this.#hello.max_frame - (capability?.length ?? 0);
    if (!upload.next(frameBytesMax)) return false;
    const { bytes, start, end } = upload;
    const flags = Flag.REQ | upload.flags | terms.flags;
    if (capability === undefined) this.#outbound.append(exchange, flags, exchange.code, bytes, start, end);
    else this.#outbound.appendWithCapability(exchange, flags, exchange.code, capability, bytes.subarray(start, end));
    if (upload.finished) this.forget(exchange);
    return true;
  }
}
