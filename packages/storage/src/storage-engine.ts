import { encode } from '@msgpack/msgpack';
import { Flag, OapError, Reject, Status } from '@omnigate/kernel';
import type { Logger, RequestBody, ServiceReply, ServiceRequest } from '@omnigate/kernel';
import { join } from 'node:path';
import type { Caller } from './caller.ts';
import { DiskStore } from './disk/disk-store.ts';
import type { StorageFigures } from './figures.ts';
import { loadBlake3 } from './hash/blake3.ts';
import { BlobIndex } from './index/blob-index.ts';
import { Accounts } from './keeper/accounts.ts';
import type { TenantQuota } from './keeper/accounts.ts';
import { BlobKeeper, partName } from './keeper/blob-keeper.ts';
import { BUSY_RETRY_MS, DOWNLOADS_MAX, PUT_MAP_BYTES_MAX, UPLOADS_MAX } from './limits.ts';
import { Queries } from './queries.ts';
import { StorageReject } from './rejects.ts';
import { StorageOp } from './storage-op.ts';
import { batchBytes } from './transfer/batches.ts';
import { Download } from './transfer/download.ts';
import { GetStream } from './transfer/get-stream.ts';
import { Intake } from './transfer/intake.ts';
import { LentMemory } from './transfer/lent-memory.ts';
import { PutStream } from './transfer/put-stream.ts';
import { ReadyReplies } from './transfer/ready-replies.ts';
import type { ReadyReply } from './transfer/ready-replies.ts';
import { badField, parsePut } from './transfer/request-body.ts';
import { Upload } from './transfer/upload.ts';
import { aliasText, idText } from './tree/blob-name.ts';
import { Scrubber } from './upkeep/scrubber.ts';
import { Sweeper } from './upkeep/sweeper.ts';

/** What an engine runs with. */
export interface EngineSettings {
  readonly path: string;
  readonly logger: Logger;
  readonly quota: TenantQuota;
  readonly figures: StorageFigures;
  readonly graceMs: number;
  /** 0: no scrubbing. */
  readonly scrubBytesPerSecond: number;
  readonly now: () => number;
  /** Told of what no caller is to blame for. */
  readonly onCrash: (error: unknown) => void;
}

/** An opened store with what works on it: requests, the sweeper and the scrubber. */
export class StorageEngine {
  readonly #keeper: BlobKeeper;
  readonly #queries: Queries;
  readonly #ready: ReadyReplies;
  readonly #lent: LentMemory;
  readonly #onCrash: (error: unknown) => void;
  readonly #stopping = new AbortController();
  readonly #uploads = new Set<Upload>();
  /** PUTs that can be resumed, by the name of their part. */
  readonly #resumable = new Map<string, Upload>();
  readonly #downloads = new Set<GetStream>();
  /** Everything that uses the index or the store. */
  readonly #work = new Set<Promise<void>>();

  private constructor(keeper: BlobKeeper, settings: EngineSettings) {
    this.#keeper = keeper;
    this.#ready = new ReadyReplies(keeper);
    this.#lent = new LentMemory(keeper.buffers);
    this.#onCrash = settings.onCrash;
    const sweeper = new Sweeper(keeper, settings.graceMs);
    const scrubber = new Scrubber(keeper, settings.scrubBytesPerSecond);
    this.#queries = new Queries(keeper, sweeper, scrubber, this.#stopping.signal);
    this.#background(sweeper.run(this.#stopping.signal));
    if (settings.scrubBytesPerSecond > 0) this.#background(scrubber.run(this.#stopping.signal));
  }

  static async open(settings: EngineSettings): Promise<StorageEngine> {
    const { path, logger, now, figures } = settings;
    const blake3 = await loadBlake3();
    if (blake3.implementation === 'wasm') {
      logger.warn({ event: 'StorageHashSlow' }, 'the native BLAKE3 does not load here; hashing is ten times slower');
    }
    const store = await DiskStore.open(path);
    const index = new BlobIndex(join(path, 'index'));
    const accounts = new Accounts(index, settings.quota);
    return new StorageEngine(new BlobKeeper({ index, store, blake3, accounts, figures, now, logger }), settings);
  }

  /** Ends what is under way and closes; the engine cannot be used afterwards. */
  async close(): Promise<void> {
    this.#stopping.abort();
    for (const upload of this.#uploads) upload.stop('cancelled');
    for (const download of this.#downloads) download.abort();
    while (this.#work.size > 0) await Promise.all(this.#work);
    await this.#keeper.store.close();
    await this.#keeper.index.close();
  }

  /** A PUT. @throws OapError what it is refused with before any byte */
  put(caller: Caller, request: ServiceRequest, reply: ServiceReply): RequestBody {
    if (request.payload.length > PUT_MAP_BYTES_MAX) throw badField('body');
    const put = parsePut(request.payload);
    caller.checkTopic(put.expect?.text ?? '');
    if (this.#uploads.size >= UPLOADS_MAX) throw busy();
    const { tenant } = caller;
    const part = put.expect === undefined ? undefined : partName(tenant, put.expect.hex);
    const before = part === undefined ? undefined : this.#resumable.get(part);
    // Only who says where to go on may take over: else two that put the same blob would end each other.
    const resumable = part !== undefined && (before === undefined || put.offsetBytes !== undefined);
    const intake = new Intake(put.sizeBytes, () => batchBytes(this.#uploads.size));
    const endToEnd = (request.flags & Flag.APP_E2E) !== 0;
    const upload = new Upload(this.#keeper, { tenant, request: put, endToEnd, resumable }, intake, (bytes) => {
      reply.consumed(bytes);
    });
    this.#uploads.add(upload);
    if (resumable) this.#resumable.set(part, upload);
    const run = async (): Promise<void> => {
      try {
        if (resumable && before !== undefined) {
          before.stop('replaced');
          await before.settled;
        }
        const result = await upload.run();
        if (result === undefined) throw new OapError(Reject.service_unavailable);
        const { id, b3, sizeBytes, existed } = result;
        reply.end(Status.OK, encode({ id: idText(id), b3: aliasText(b3), size_bytes: sizeBytes, existed }));
      } finally {
        this.#uploads.delete(upload);
        if (part !== undefined && this.#resumable.get(part) === upload) this.#resumable.delete(part);
      }
    };
    this.#answering(run(), reply);
    if (!request.complete) reply.consumed(request.payload.length);
    const stream = new PutStream(intake, upload);
    if (request.complete) stream.onEnd();
    return stream;
  }

  /** Any other request. @throws OapError what it is refused with at once */
  answer(caller: Caller, operation: number, body: Uint8Array, reply: ServiceReply): RequestBody | undefined {
    if (this.#stopping.signal.aborted) throw new OapError(Reject.service_unavailable);
    if (operation === StorageOp.GET) return this.#get(caller, body, reply);
    const result = this.#queries.run(caller, operation, body, () => reply.ended);
    if (result instanceof Promise) this.#answering(result.then((map) => { reply.end(Status.OK, encode(map)); }), reply);
    else reply.end(Status.OK, encode(result));
    return undefined;
  }

  #get(caller: Caller, body: Uint8Array, reply: ServiceReply): RequestBody | undefined {
    const asked = this.#ready.asked(caller.tenant, body);
    const { request } = asked;
    caller.checkTopic(request.id.text);
    const ready = this.#lent.exhausted ? undefined : this.#ready.find(asked, reply.roomBytes);
    if (ready !== undefined) return this.#answerAtOnce(ready, reply);
    if (this.#downloads.size >= DOWNLOADS_MAX) throw busy();
    const download = new Download(this.#keeper, caller.tenant, request, () => this.#downloads.size);
    const status = request.ranges === undefined ? Status.OK : Status.PARTIAL;
    const stream = new GetStream(reply, status, download.endToEnd ? Flag.APP_E2E : 0, this.#keeper.buffers);
    this.#downloads.add(stream);
    const sent = download.run(stream).finally(() => this.#downloads.delete(stream));
    this.#answering(sent, reply);
    return stream;
  }

  /** Answers a GET with what is at hand, all of which can leave now. */
  #answerAtOnce({ endToEnd, metadata, bytes, memory }: ReadyReply, reply: ServiceReply): RequestBody | undefined {
    const flags = endToEnd ? Flag.APP_E2E : 0;
    reply.write(Status.OK, metadata, flags);
    reply.end(Status.OK, bytes, flags);
    return memory === undefined ? undefined : this.#lent.lend(memory, metadata.length + bytes.length);
  }

  /** Answers with what `work` throws, and waits for it before closing. */
  #answering(work: Promise<void>, reply: ServiceReply): void {
    this.#track(
      work.catch((thrown: unknown) => {
        reply.fail(OapError.from(thrown));
        if (!(thrown instanceof OapError)) this.#onCrash(thrown);
      }),
    );
  }

  #background(work: Promise<void>): void {
    this.#track(
      work.catch((thrown: unknown) => {
        if (!this.#stopping.signal.aborted) this.#onCrash(thrown);
      }),
    );
  }

  #track(work: Promise<void>): void {
    this.#work.add(work);
    void work.then(() => this.#work.delete(work));
  }
}

function busy(): OapError {
  return new OapError(StorageReject.storage_busy, { retryAfterMs: BUSY_RETRY_MS });
}
