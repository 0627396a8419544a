import { OapError, Reject } from '@omnigate/kernel/wire';
import { Exchange } from './exchange.ts';
import type { ExchangeOwner, ReplyPart } from './exchange.ts';
import { STREAM_CHUNKS_MAX } from './limits.ts';
import type { CallTerms } from './options.ts';
import { ReplyChunks } from './reply-chunks.ts';
import { Upload } from './upload.ts';

/** The request of a stream: in one piece, or piece by piece. */
export type StreamBody = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What the first frame of a reply says. */
export interface ReplyHead {
  /** Status code, 200 to 299. */
  readonly status: number;
  /** APP_E2E (128) or 0. */
  readonly flags: number;
}

/**
 * A request and a reply that are both sequences of chunks, each under its own
 * credit. Iterate over it to read the reply, once; leaving the loop early
 * cancels the stream.
 */
export interface ByteStream extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** corr_id of the exchange, decimal; `'0'` before it was sent. */
  readonly corrId: string;
  /**
   * Sends a chunk; resolves when the credit of the node allowed all of it to
   * leave, so await it before the next one. The bytes are not copied: leave
   * them unchanged. The first chunk starts the exchange.
   *
   * @throws OapError why the stream ended; corr_unknown when the reply was complete before the request
   */
  write(chunk: Uint8Array): Promise<void>;
  /** Ends the request; resolves when all of it has left. */
  end(): Promise<void>;
  /** What the first frame of the reply says, once it is there. */
  head(): Promise<ReplyHead>;
  /** Lets go of the exchange, here and at the node; reading and writing fail with `cancelled`. */
  cancel(reason?: unknown): void;
}

interface HeadWaiter {
  readonly resolve: (head: ReplyHead) => void;
  readonly reject: (error: OapError) => void;
}

/** The exchange behind a `ByteStream`. */
export class StreamExchange extends Exchange implements ByteStream {
  override readonly endless = true;
  readonly #chunks = new ReplyChunks<ReplyPart>();
  #begun = false;
  #head: ReplyHead | undefined;
  #headWaiters: HeadWaiter[] = [];
  #error: OapError | undefined;

  /** @param request the whole request, or undefined when it is written */
  constructor(owner: ExchangeOwner, app: number, code: number, request: Uint8Array | undefined, terms: CallTerms) {
    super(owner, app, code, request, terms);
    if (request === undefined) this.upload = new Upload();
    else this.#begin();
  }

  // What the application calls

  write(chunk: Uint8Array): Promise<void> {
    return this.#send((upload, resolve, reject) => {
      upload.push(chunk, resolve, reject);
    });
  }

  end(): Promise<void> {
    if (this.request !== undefined || this.upload?.ended === true) return Promise.resolve();
    return this.#send((upload, resolve, reject) => {
      upload.finish(resolve, reject);
    });
  }

  head(): Promise<ReplyHead> {
    if (this.#head !== undefined) return Promise.resolve(this.#head);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#headWaiters.push({ resolve, reject });
    });
  }

  cancel(reason?: unknown): void {
    this.#chunks.clear();
    if (!this.settled) this.owner.abandon(this, this.cancelled(reason));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: async () => {
        const result = await this.#chunks.next();
        return result.done === true ? result : { done: false, value: this.#take(result.value) };
      },
      return: () => {
        this.cancel();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** Writes all of `body` and ends; an error of `body` cancels the stream and is its cause. */
  async pipe(body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of body) await this.write(chunk);
      await this.end();
    } catch (error) {
      // When the stream itself ended, its reader knows, and what is left to read is left to it.
      if (!this.settled) this.cancel(error);
    }
  }

  // What the connection calls

  override receiveWhole(status: number, flags: number, payload: Uint8Array): void {
    this.#begins({ status, flags });
    if (payload.length > 0) this.#chunks.push({ status, flags, bytes: payload, compressed: false });
    this.receiveEnd();
  }

  override receivePart(part: ReplyPart): void {
    this.#begins(part);
    if (part.bytes.length === 0) return;
    this.#chunks.push(part);
    if (this.#chunks.length > STREAM_CHUNKS_MAX) {
      const message = `${STREAM_CHUNKS_MAX} chunks of the reply to ${this.name} wait for their reader.`;
      this.#chunks.clear();
      this.carrier?.abandon(this, new OapError(Reject.slow_reader, { message, corrId: this.corrId }));
    }
  }

  override receiveEnd(): void {
    this.settle();
    if (this.upload?.finished === false) {
      const message = `The node completed its reply to ${this.name} and takes no more of the request.`;
      this.#error = new OapError(Reject.corr_unknown, { message, corrId: this.corrId });
      this.upload.fail(this.#error);
    }
    this.#chunks.end();
  }

  /** Only what was given in one piece can be sent again, and only before anything of the reply was handed out. */
  override rewind(): boolean {
    if (this.request === undefined || this.#head !== undefined) return false;
    this.upload = undefined;
    this.credit = undefined;
    return true;
  }

  protected override reject(error: OapError): void {
    this.#error = error;
    for (const waiter of this.#headWaiters.splice(0)) waiter.reject(error);
    this.#chunks.end(error);
  }

  #begin(): void {
    this.#begun = true;
    this.owner.begin(this);
  }

  #begins({ status, flags }: ReplyHead): void {
    if (this.#head !== undefined) return;
    this.#head = { status, flags };
    for (const waiter of this.#headWaiters.splice(0)) waiter.resolve(this.#head);
  }

  /** Hands a chunk to the application, which is what gives credit back. */
  #take(part: ReplyPart): Uint8Array {
    const { carrier } = this;
    if (carrier === undefined) return part.bytes;
    carrier.consumed(this, part.bytes.length);
    if (!part.compressed) return part.bytes;
    try {
      return carrier.decompress(this, part.bytes);
    } catch (error) {
      this.#chunks.clear();
      if (!this.settled) this.owner.abandon(this, OapError.from(error));
      throw error;
    }
  }

  #send(add: (upload: Upload, resolve: () => void, reject: (error: OapError) => void) => void): Promise<void> {
    const { upload } = this;
    if (upload === undefined || upload.ended) {
      return Promise.reject(new TypeError('the request of this stream was ended before'));
    }
    if (upload.finished) return Promise.reject(this.#error ?? this.cancelled(undefined));
    return new Promise((resolve, reject) => {
      add(upload, resolve, reject);
      if (this.#begun) this.carrier?.pump(this);
      else this.#begin();
    });
  }
}
