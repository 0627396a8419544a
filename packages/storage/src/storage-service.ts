import { createLogger, OapError, Reject, tenantToHex } from '@omnigate/kernel';
import type { Logger, RequestBody, Service, ServiceContext, ServiceReply, ServiceRequest } from '@omnigate/kernel';
import { StorageFigures } from './figures.ts';
import { BLOB_BYTES_MAX, GRACE_MS, PUT_MAP_BYTES_MAX, SCRUB_BYTES_PER_SECOND, TENANT_BLOBS_DEFAULT, TENANT_BYTES_DEFAULT } from './limits.ts';
import { StorageEngine } from './storage-engine.ts';
import { StorageOp } from './storage-op.ts';
import { CollectedRequest } from './transfer/collected-request.ts';

/** How to run a storage service; everything but the folder may be left out. */
export interface StorageOptions {
  /** Folder of its own, made where it is not there. */
  readonly path: string;
  readonly logger?: Logger;
  /** What every tenant may hold. */
  readonly quotaBytes?: number;
  readonly quotaBlobs?: number;
  /** How long what is not pinned is kept, milliseconds. */
  readonly graceMs?: number;
  /** How fast the scrubber reads; 0 turns it off. */
  readonly scrubBytesPerSecond?: number;
  /** Unix milliseconds; tests bring their own. */
  readonly now?: () => number;
}

/** app_proto_id of the storage service. */
const STORAGE_APP = 17;

/** Operations as capabilities name them (specs/capability-1.md §5.5). */
const VERBS = Object.fromEntries(Object.entries(StorageOp).map(([name, code]) => [code, name.toLowerCase()]));

/** The storage service of specs/storage-1.md. */
export function storageService(options: StorageOptions): Service {
  return new StorageService(options);
}

class StorageService implements Service {
  readonly appProtoId = STORAGE_APP;
  readonly name = 'storage';
  readonly access = 'capability';
  readonly verbs = VERBS;
  /** How long these take is up to the client, or to how much there is. */
  readonly waiting = [StorageOp.GET, StorageOp.PUT, StorageOp.GC, StorageOp.SCRUB];
  readonly checksTopics = true;
  readonly borrowsPayload = true;
  readonly requestBytesMax = BLOB_BYTES_MAX + PUT_MAP_BYTES_MAX;
  readonly #options: StorageOptions;
  readonly #figures = new StorageFigures();
  readonly metrics = this.#figures.metrics;
  #engine: StorageEngine | undefined;

  constructor(options: StorageOptions) {
    this.#options = options;
  }

  async start(context: ServiceContext): Promise<void> {
    const { path, quotaBytes, quotaBlobs, graceMs, scrubBytesPerSecond } = this.#options;
    this.#engine = await StorageEngine.open({
      path,
      figures: this.#figures,
      logger: this.#options.logger ?? createLogger(),
      quota: { bytes: quotaBytes ?? TENANT_BYTES_DEFAULT, blobs: quotaBlobs ?? TENANT_BLOBS_DEFAULT },
      graceMs: graceMs ?? GRACE_MS,
      scrubBytesPerSecond: scrubBytesPerSecond ?? SCRUB_BYTES_PER_SECOND,
      now: this.#options.now ?? Date.now,
      onCrash: (error) => {
        context.fail(error);
      },
    });
  }

  async stop(): Promise<void> {
    const engine = this.#engine;
    this.#engine = undefined;
    await engine?.close();
  }

  onRequest(request: ServiceRequest, reply: ServiceReply): RequestBody | undefined {
    const engine = this.#engine;
    if (engine === undefined) throw new OapError(Reject.service_unavailable);
    if (request.oneWay || !OPERATIONS.has(request.code)) throw new OapError(Reject.op_unknown);
    const caller = { tenant: tenantToHex(request), checkTopic: (topic: string) => { request.checkTopic(topic); } };
    if (request.code === StorageOp.PUT) return engine.put(caller, request, reply);
    if (request.complete) return engine.answer(caller, request.code, request.payload, reply);
    return new CollectedRequest(request.payload, reply, (body) => engine.answer(caller, request.code, body, reply));
  }
}

const OPERATIONS: ReadonlySet<number> = new Set(Object.values(StorageOp));
