import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from '@msgpack/msgpack';
import { Flag, OapError } from '@omnigate/kernel/wire';
import type { ExchangeOwner } from '../exchange.ts';
import { badField } from '../fields.ts';
import { RETRY_PAUSE_MS, RETRY_PAUSE_MS_MAX, STORAGE_ATTEMPTS_MAX } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { fullJitterMs } from '../retry.ts';
import { StreamExchange } from '../stream.ts';
import { aliasText, idText, readBlobName } from './blob-id.ts';
import type { BlobName } from './blob-id.ts';
import type { BlobTree } from './blob-tree.ts';
import { rangesIgnored, readBlobHead } from './metadata.ts';
import type { BlobHead } from './metadata.ts';
import { APP_STORAGE, StorageOp } from './operations.ts';
import { ProofReader } from './proof-reader.ts';
import { bytesOf, clipRanges, rangesAfter } from './ranges.ts';
import type { BlobRange } from './ranges.ts';

/** A GET whose first frame came and was checked. */
interface Opened {
  readonly head: BlobHead;
  readonly endToEnd: boolean;
  /** Those asked for, within the blob. */
  readonly ranges: readonly BlobRange[];
  readonly chunks: AsyncIterator<Uint8Array, undefined>;
}

/** What is read, and how. */
export interface ReadingTerms {
  readonly owner: ExchangeOwner;
  readonly tree: BlobTree;
  readonly name: BlobName;
  readonly ranges: readonly BlobRange[] | undefined;
  readonly terms: CallTerms;
}

/**
 * One reading of a blob or of ranges of it: GETs with proof, one after the other
 * where connections are lost, as if it were one. Nothing leaves that was not
 * checked.
 */
export class VerifiedReading {
  /** Resolves when the first GET was answered; reading goes on from there. */
  readonly opened: Promise<Pick<Opened, 'head' | 'endToEnd' | 'ranges'>>;
  readonly #terms: ReadingTerms;
  readonly #first: Promise<Opened>;
  #stream: StreamExchange | undefined;
  #cancelled = false;

  constructor(terms: ReadingTerms) {
    this.#terms = terms;
    this.#first = this.#open(terms.name, terms.ranges);
    // Whoever reads meets it too.
    this.#first.catch(() => undefined);
    this.opened = this.#first;
  }

  /** Lets go, here and at the node. */
  cancel(reason?: unknown): void {
    this.#cancelled = true;
    this.#stream?.cancel(reason);
  }

  /**
   * The bytes of the ranges, in order.
   *
   * @throws OapError blob_unverified, bad_response, what the node refused, connection_lost
   */
  async *pieces(): AsyncGenerator<Uint8Array, undefined> {
    let opened = await this.#first;
    const { head, ranges } = opened;
    const wantedBytes = bytesOf(ranges);
    let handedBytes = 0;
    try {
      for (let attempt = 1; ; ) {
        const before = handedBytes;
        try {
          const { chunks } = opened;
          const proof = this.#proofOf(opened);
          for (let chunk = await chunks.next(); chunk.done !== true; chunk = await chunks.next()) {
            proof.push(chunk.value);
            for (let piece = proof.next(); piece !== undefined; piece = proof.next()) {
              handedBytes += piece.length;
              yield piece;
            }
          }
          proof.end();
          return undefined;
        } catch (thrown) {
          this.#stream?.cancel();
          const error = OapError.from(thrown);
          // What only its end was missing of is complete all the same.
          if (handedBytes === wantedBytes && error.retryable) return undefined;
          attempt = handedBytes > before ? 1 : attempt + 1;
          // An alias could lead to another blob the next time.
          opened = await this.#again(readBlobName(head.id), rangesAfter(ranges, handedBytes), attempt, error);
        }
      }
    } finally {
      this.#stream?.cancel();
    }
  }

  #proofOf({ head, ranges }: Opened): ProofReader {
    const { id, sizeBytes, root } = head;
    return new ProofReader(this.#terms.tree, { id, sizeBytes, root, ranges });
  }

  /** Asks for what is left after a failure that another attempt may help with. */
  async #again(name: BlobName, ranges: readonly BlobRange[], attempt: number, error: OapError): Promise<Opened> {
    for (let tries = attempt, last = error; ; tries++) {
      if (!last.retryable || !this.#terms.terms.retry || tries > STORAGE_ATTEMPTS_MAX || this.#cancelled) throw last;
      await sleep(last.retryAfterMs ?? fullJitterMs(tries - 1, RETRY_PAUSE_MS, RETRY_PAUSE_MS_MAX));
      try {
        return await this.#open(name, ranges);
      } catch (thrown) {
        last = OapError.from(thrown);
      }
    }
  }

  async #open(name: BlobName, asked: readonly BlobRange[] | undefined): Promise<Opened> {
    const { owner, tree, terms } = this.#terms;
    const id = name.form === 'id' ? idText(name.digest) : aliasText(name.digest);
    const request = encode({ id, proof: true, ...(asked === undefined ? {} : { ranges: asked }) });
    const stream = new StreamExchange(owner, APP_STORAGE, StorageOp.GET, request, terms);
    this.#stream = stream;
    if (this.#cancelled) stream.cancel();
    try {
      const chunks = stream[Symbol.asyncIterator]();
      const first = await chunks.next();
      if (first.done === true) throw badField('');
      const head = readBlobHead(first.value, name, tree);
      const ranges = clipRanges(asked, head.sizeBytes);
      if (ranges === undefined) throw rangesIgnored(head);
      const { flags } = await stream.head();
      return { head, ranges, chunks, endToEnd: (flags & Flag.APP_E2E) !== 0 };
    } catch (error) {
      stream.cancel();
      throw error;
    }
  }
}
