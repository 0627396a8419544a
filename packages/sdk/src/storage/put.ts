import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from '@msgpack/msgpack';
import { decodeMap, Flag, OapError } from '@omnigate/kernel/wire';
import type { ExchangeOwner } from '../exchange.ts';
import { badField, readCount, readFlag, readText } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { RETRY_PAUSE_MS, RETRY_PAUSE_MS_MAX, STORAGE_ATTEMPTS_MAX, STORAGE_PUT_REPLY_BYTES_MAX, STORAGE_RESUME_BYTES_MIN } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { SdkReject } from '../rejects.ts';
import { fullJitterMs } from '../retry.ts';
import { StreamExchange } from '../stream.ts';
import type { Blake3 } from './blake3.ts';
import { BlobHasher } from './blob-hasher.ts';
import type { BlobIdentity } from './blob-hasher.ts';
import type { Chunks, SteadySource } from './blob-source.ts';
import { APP_STORAGE, StorageOp } from './operations.ts';

/** What a blob may be put with. */
export interface PutOptions {
  /** Told by every GET; 1 to 255 printable ASCII characters. */
  readonly mediaType?: string | undefined;
  /** The id that the bytes must have; the node refuses others as soon as it knows. Bytes and files have theirs computed. */
  readonly expect?: string | undefined;
  /** Bytes of a stream, where that is known: the node then refuses what cannot fit before it comes. */
  readonly sizeBytes?: number | undefined;
  /** How long the blob is kept, milliseconds, ten years at most; 0 to not pin it, absent for ever. */
  readonly pinTtlMs?: number | undefined;
  /** The bytes are the application's own ciphertext, which readers are told. */
  readonly endToEnd?: boolean | undefined;
  /** Cancels the upload, here and at the node. */
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes leave; `totalBytes` is undefined for a stream of unknown size. What the node had before counts as done. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number | undefined) => void) | undefined;
}

/** What became of a PUT. */
export interface PutResult extends BlobIdentity {
  /** This tenant had the blob already. */
  readonly existed: boolean;
}

/** Who sends, and what goes with every attempt. */
interface PutTerms {
  readonly owner: ExchangeOwner;
  readonly terms: CallTerms;
  readonly options: PutOptions;
  /** Bytes of a blob that an earlier PUT left at the node. */
  receivedBytes(id: string): Promise<number>;
}

/** One PUT of some source (specs/storage-1.md §5.4). */
export class Put {
  readonly #put: PutTerms;
  readonly #fields: Fields;
  /** What the source threw, in an array so that anything can be. */
  readonly #sourceErrors: unknown[] = [];

  constructor(put: PutTerms) {
    const { mediaType, pinTtlMs } = put.options;
    this.#put = { ...put, terms: { ...put.terms, flags: put.options.endToEnd === true ? Flag.APP_E2E : 0 } };
    this.#fields = {
      ...(mediaType === undefined ? {} : { media_type: mediaType }),
      ...(pinTtlMs === undefined ? {} : { pin_ttl_ms: pinTtlMs }),
    };
  }

  /** Puts what can be read again: its id is known before it leaves, so that a lost connection costs no more than what was on its way. */
  async steady(source: SteadySource, blake3: Blake3): Promise<PutResult> {
    const hasher = await BlobHasher.create(blake3);
    await hasher.updateAll(source.read(0));
    const identity = hasher.finish();
    const { id, sizeBytes } = identity;
    const { expect = id } = this.#put.options;
    if (expect !== id) throw new OapError(SdkReject.blob_unverified, { message: `The bytes are ${id}, and not ${expect}.`, detail: { id: expect } });
    const fields = { ...this.#fields, size_bytes: sizeBytes, expect };
    let offsetBytes = sizeBytes < STORAGE_RESUME_BYTES_MIN ? 0 : await this.#put.receivedBytes(id);
    for (let attempt = 1, again = false; ; again = true) {
      // Naming the place takes over from a PUT that the node has not missed yet; at first there is none of ours.
      const request = again || offsetBytes > 0 ? { ...fields, offset_bytes: offsetBytes } : fields;
      try {
        return verified(await this.#send(request, source.read(offsetBytes), offsetBytes, sizeBytes), identity);
      } catch (thrown) {
        if (!this.#mayHelp(thrown, attempt)) throw thrown;
        const { retryAfterMs } = OapError.from(thrown);
        await sleep(retryAfterMs ?? fullJitterMs(attempt - 1, RETRY_PAUSE_MS, RETRY_PAUSE_MS_MAX));
        const keptBytes = await this.#put.receivedBytes(id);
        attempt = keptBytes > offsetBytes ? 1 : attempt + 1;
        offsetBytes = keptBytes;
      }
    }
  }

  /** Puts what comes once, hashing it on the way. */
  async once(source: Chunks, blake3: Blake3): Promise<PutResult> {
    const { sizeBytes, expect } = this.#put.options;
    const hasher = await BlobHasher.create(blake3);
    const fields = {
      ...this.#fields,
      ...(sizeBytes === undefined ? {} : { size_bytes: sizeBytes }),
      ...(expect === undefined ? {} : { expect }),
    };
    const seen = { all: false };
    const hashed = async function* (): AsyncGenerator<Uint8Array, undefined> {
      for await (const chunk of source) {
        if (!(chunk instanceof Uint8Array)) throw new TypeError('a source of a blob gives Uint8Arrays and nothing else');
        hasher.update(chunk);
        yield chunk;
      }
      seen.all = true;
      return undefined;
    };
    const result = await this.#send(fields, hashed(), 0, sizeBytes);
    // Before all of it left, the node can only have had the expected blob.
    return verified(result, seen.all || expect === undefined ? hasher.finish() : { ...result, id: expect });
  }

  /** Whether another attempt may get further. */
  #mayHelp(thrown: unknown, attempt: number): boolean {
    const { retryable, reason } = OapError.from(thrown);
    if (this.#sourceErrors.length > 0 || !this.#put.terms.retry || attempt >= STORAGE_ATTEMPTS_MAX) return false;
    return retryable || reason === 'upload_offset';
  }

  async #send(fields: Fields, source: Chunks, offsetBytes: number, totalBytes: number | undefined): Promise<PutResult> {
    const { owner, terms } = this.#put;
    const stream = new StreamExchange(owner, APP_STORAGE, StorageOp.PUT, undefined, terms);
    void stream.pipe(this.#body(encode(fields), source, offsetBytes, totalBytes));
    const parts: Uint8Array[] = [];
    let bytes = 0;
    try {
      for await (const part of stream) {
        bytes += part.length;
        if (bytes > STORAGE_PUT_REPLY_BYTES_MAX) throw badField('');
        parts.push(part);
      }
    } catch (error) {
      throw this.#sourceErrors.length > 0 ? this.#sourceErrors[0] : error;
    }
    return readPutResult(Buffer.concat(parts));
  }

  /** The frames of one attempt: the map, then the bytes. */
  async *#body(map: Uint8Array, source: Chunks, offsetBytes: number, totalBytes: number | undefined): AsyncGenerator<Uint8Array, undefined> {
    const { onProgress } = this.#put.options;
    let doneBytes = offsetBytes;
    yield map;
    onProgress?.(doneBytes, totalBytes);
    try {
      for await (const chunk of source) {
        yield chunk;
        // Asked for more, so that this one left.
        doneBytes += chunk.length;
        onProgress?.(doneBytes, totalBytes);
      }
    } catch (error) {
      this.#sourceErrors.push(error);
      throw error;
    }
    return undefined;
  }
}

function readPutResult(payload: Uint8Array): PutResult {
  const fields = decodeMap(payload);
  if (fields === undefined) throw badField('');
  return {
    id: readText(fields, 'id'),
    b3: readText(fields, 'b3'),
    sizeBytes: readCount(fields, 'size_bytes'),
    existed: readFlag(fields, 'existed'),
  };
}

/** @throws OapError blob_unverified when the node says that it got something else than was sent */
function verified(result: PutResult, sent: BlobIdentity): PutResult {
  if (result.id === sent.id && result.b3 === sent.b3 && result.sizeBytes === sent.sizeBytes) return result;
  const message = `The node says that it keeps ${result.sizeBytes} bytes as ${result.id}; what was sent are ${sent.sizeBytes} bytes with the id ${sent.id}.`;
  throw new OapError(SdkReject.blob_unverified, { message, detail: { id: sent.id } });
}
