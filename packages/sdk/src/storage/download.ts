import { OapError, Reject } from '@omnigate/kernel/wire';
import { REPLY_BYTES_MAX } from '../limits.ts';
import { SdkReject } from '../rejects.ts';
import { aliasText, readBlobName } from './blob-id.ts';
import type { Blake3 } from './blake3.ts';
import { sameHash } from './blob-tree.ts';
import type { Hashing } from './hashing.ts';
import { bytesOf } from './ranges.ts';
import { VerifiedReading } from './verified-reading.ts';
import type { ReadingTerms } from './verified-reading.ts';

/** What is known of a blob before its first byte. */
export interface BlobMetadata {
  /** `b3m:` and 64 hex digits. */
  readonly id: string;
  /** `b3:` and the plain BLAKE3 of the whole, as the node says; checked when it was asked for. */
  readonly b3: string;
  /** Of the whole blob; covered by the id. */
  readonly sizeBytes: number;
  /** What the writer said it is; take it for no more. */
  readonly mediaType: string | undefined;
  /** The bytes are the application's own ciphertext. */
  readonly endToEnd: boolean;
  /** Bytes that will be handed out: of the ranges, or of the whole blob. */
  readonly bodyBytes: number;
}

/**
 * A blob on its way: iterate over it, once, for its bytes, of which each was
 * checked against the id. Leaving the loop cancels it at the node. Who does not
 * read is not sent more than the `windowBytes` of the client.
 */
export class Download implements AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Resolves before the first byte, without anything being read. */
  readonly metadata: Promise<BlobMetadata>;
  readonly #reading: Promise<VerifiedReading>;
  #pieces: AsyncGenerator<Uint8Array, undefined> | undefined;
  #current: VerifiedReading | undefined;
  #cancelled: { readonly reason: unknown } | undefined;

  /** Made by `storage.get()`. */
  constructor(hashing: Promise<Hashing>, terms: Omit<ReadingTerms, 'tree'>) {
    this.#reading = hashing.then(async ({ blake3, tree }) => {
      const named = terms.name.form === 'id' ? terms : { ...terms, name: await this.#identify(blake3, { ...terms, tree }) };
      return this.#begin({ ...named, tree });
    });
    this.metadata = this.#describe();
    // Whoever iterates meets it too.
    this.metadata.catch(() => undefined);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#pieces?.next() ?? this.#reading.then((reading) => this.#piecesOf(reading).next()),
      return: async () => {
        this.cancel();
        await this.#reading.then((reading) => this.#piecesOf(reading).return(undefined), () => undefined);
        return { done: true, value: undefined };
      },
    };
  }

  /**
   * All of it in one piece.
   *
   * @param options `maxBytes` it may have; 67,108,864
   * @throws OapError stream_too_large, before anything is read
   */
  async bytes({ maxBytes = REPLY_BYTES_MAX }: { readonly maxBytes?: number } = {}): Promise<Uint8Array> {
    const { id, bodyBytes } = await this.metadata;
    if (bodyBytes > maxBytes) {
      this.cancel();
      const message = `${bodyBytes} bytes of ${id} are more than the ${maxBytes} that bytes() collects; iterate over it.`;
      throw new OapError(Reject.stream_too_large, { message });
    }
    const bytes = new Uint8Array(bodyBytes);
    let at = 0;
    for await (const chunk of this) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }

  /** Lets go; reading fails with `cancelled`. */
  cancel(reason?: unknown): void {
    this.#cancelled ??= { reason };
    this.#current?.cancel(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  #begin(terms: ReadingTerms): VerifiedReading {
    this.#current = new VerifiedReading(terms);
    if (this.#cancelled !== undefined) this.#current.cancel(this.#cancelled.reason);
    return this.#current;
  }

  /** What is iterated over, from wherever it stands. */
  #piecesOf(reading: VerifiedReading): AsyncGenerator<Uint8Array, undefined> {
    return (this.#pieces ??= reading.pieces());
  }

  async #describe(): Promise<BlobMetadata> {
    const { head, endToEnd, ranges } = await (await this.#reading).opened;
    const { id, b3, sizeBytes, mediaType } = head;
    return { id, b3, sizeBytes, mediaType, endToEnd, bodyBytes: bytesOf(ranges) };
  }

  /** The id behind an alias, which has to be hashed as a whole before a byte of it can be trusted (specs/storage-1.md §3.4). */
  async #identify(blake3: Blake3, terms: ReadingTerms): Promise<ReadingTerms['name']> {
    const reading = this.#begin({ ...terms, ranges: undefined });
    const hasher = await blake3.hasher();
    for await (const piece of reading.pieces()) hasher.update(piece);
    const { head } = await reading.opened;
    if (sameHash(hasher.digest(), terms.name.digest)) return readBlobName(head.id);
    const message = `The bytes of ${head.id} are not those of ${aliasText(terms.name.digest)}.`;
    throw new OapError(SdkReject.blob_unverified, { message, detail: { id: head.id } });
  }
}
