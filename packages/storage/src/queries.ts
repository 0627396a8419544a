import type { Caller } from './caller.ts';
import type { BlobEntry, PartEntry } from './index/blob-index.ts';
import type { BlobKeeper } from './keeper/blob-keeper.ts';
import { KeyedLock } from './keeper/keyed-lock.ts';
import { SCRUB_REQUEST_BYTES } from './limits.ts';
import { StorageOp } from './storage-op.ts';
import { badField, parseHas, parseId, parseList, parseNothing, parsePin, parseScrub, parseStat } from './transfer/request-body.ts';
import type { NamedBlob } from './transfer/request-body.ts';
import { aliasText, idText } from './tree/blob-name.ts';
import type { Scrubber } from './upkeep/scrubber.ts';
import type { Sweeper } from './upkeep/sweeper.ts';

/** Body of a reply, before it is encoded. */
type Reply = Readonly<Record<string, unknown>>;

const DIGEST = /^[0-9a-f]{64}$/;

/** The operations that carry no blob: what is there, and for how long (specs/storage-1.md §5.3, §5.5 to §5.9). */
export class Queries {
  readonly #keeper: BlobKeeper;
  readonly #sweeper: Sweeper;
  readonly #scrubber: Scrubber;
  readonly #stopping: AbortSignal;
  /** One SCRUB of a tenant at a time: each reads as fast as the disk can. */
  readonly #scrubs = new KeyedLock();

  constructor(keeper: BlobKeeper, sweeper: Sweeper, scrubber: Scrubber, stopping: AbortSignal) {
    this.#keeper = keeper;
    this.#sweeper = sweeper;
    this.#scrubber = scrubber;
    this.#stopping = stopping;
  }

  /**
   * Carries out one operation.
   *
   * @param isGone whether nobody waits for the answer any more
   * @throws OapError what it is refused with
   */
  run(caller: Caller, operation: number, body: Uint8Array, isGone: () => boolean): Reply | Promise<Reply> {
    switch (operation) {
      case StorageOp.HAS:
        return this.#has(caller, body);
      case StorageOp.STAT:
        return this.#stat(caller, body);
      case StorageOp.PIN:
        return this.#pin(caller, body);
      case StorageOp.UNPIN:
        return this.#unpin(caller, body);
      case StorageOp.LIST:
        return this.#list(caller, body);
      case StorageOp.GC:
        return this.#sweep(caller, body);
      default:
        return this.#scrub(caller, body, isGone);
    }
  }

  #has({ tenant, checkTopic }: Caller, body: Uint8Array): Reply {
    const ids = parseHas(body);
    for (const { text } of ids) checkTopic(text);
    const have = new Uint8Array(Math.ceil(ids.length / 8));
    ids.forEach((name, index) => {
      if (this.#keeper.index.has(tenant, name)) have[index >> 3] = (have[index >> 3] as number) | (1 << (index & 7));
    });
    return { have };
  }

  #stat({ tenant, checkTopic }: Caller, body: Uint8Array): Reply {
    const name = parseStat(body);
    checkTopic(name?.text ?? '');
    if (name === undefined) return this.#statTenant(tenant);
    const part = name.form === 'id' ? this.#keeper.index.part(tenant, name.hex) : undefined;
    if (part !== undefined && this.#keeper.index.get(tenant, name.hex) === undefined) {
      return partFields({ tenant, hex: name.hex, part });
    }
    return blobFields(this.#keeper.find(tenant, name), this.#keeper.now());
  }

  #statTenant(tenant: string): Reply {
    const { accounts, index } = this.#keeper;
    const usage = index.usage(tenant);
    return {
      blobs: usage.blobs,
      pinned_bytes: usage.pinnedBytes,
      unpinned_bytes: usage.unpinnedBytes,
      partial_bytes: usage.partialBytes,
      quota_bytes: accounts.quota.bytes,
      quota_blobs: accounts.quota.blobs,
    };
  }

  async #pin(caller: Caller, body: Uint8Array): Promise<Reply> {
    const { id, ttlMs } = parsePin(body);
    const keptUntilMs = ttlMs === undefined ? Infinity : this.#keeper.now() + ttlMs;
    const hex = await this.#setPin(caller, id, true, keptUntilMs);
    return { id: hex, pinned: true, ...(ttlMs === undefined ? {} : { pin_until_ms: keptUntilMs }) };
  }

  async #unpin(caller: Caller, body: Uint8Array): Promise<Reply> {
    return { id: await this.#setPin(caller, parseId(body), false, this.#keeper.now()), pinned: false };
  }

  async #setPin({ tenant, checkTopic }: Caller, name: NamedBlob, pinned: boolean, keptUntilMs: number): Promise<string> {
    checkTopic(name.text);
    const { hex } = this.#keeper.find(tenant, name);
    // A sweep may have been quicker, and then it is gone.
    if (!(await this.#keeper.index.pin(tenant, hex, pinned, keptUntilMs))) this.#keeper.find(tenant, name);
    return idText(Buffer.from(hex, 'hex'));
  }

  #list({ tenant, checkTopic }: Caller, body: Uint8Array): Reply {
    const { cursor, limit } = parseList(body);
    checkTopic('');
    const entries = this.#keeper.index.list(tenant, digestOf(cursor), limit);
    const nowMs = this.#keeper.now();
    const last = entries.at(-1);
    const hasMore = last !== undefined && entries.length === limit && this.#keeper.index.list(tenant, last.hex, 1).length > 0;
    return { blobs: entries.map((entry) => blobFields(entry, nowMs)), ...(hasMore ? { cursor: last.hex } : {}) };
  }

  async #sweep({ tenant, checkTopic }: Caller, body: Uint8Array): Promise<Reply> {
    parseNothing(body);
    checkTopic('');
    const { blobs, bytes } = await this.#sweeper.sweepTenant(tenant);
    return { swept_blobs: blobs, swept_bytes: bytes };
  }

  #scrub({ tenant, checkTopic }: Caller, body: Uint8Array, isGone: () => boolean): Promise<Reply> {
    const { id, cursor } = parseScrub(body);
    checkTopic(id?.text ?? '');
    const after = digestOf(cursor);
    return this.#scrubs.run(tenant, async () => {
      if (id !== undefined) return this.#check([this.#keeper.find(tenant, id)]);
      return this.#checkFrom(tenant, after, isGone);
    });
  }

  async #checkFrom(tenant: string, after: string | undefined, isGone: () => boolean): Promise<Reply> {
    const entries: BlobEntry[] = [];
    let bytes = 0;
    let at = after;
    let [entry] = this.#keeper.index.list(tenant, at, 1);
    while (entry !== undefined && bytes < SCRUB_REQUEST_BYTES && !isGone()) {
      entries.push(entry);
      bytes += entry.record.sizeBytes;
      at = entry.hex;
      [entry] = this.#keeper.index.list(tenant, at, 1);
    }
    const reply = await this.#check(entries);
    return entry === undefined ? reply : { ...reply, cursor: at };
  }

  async #check(entries: readonly BlobEntry[]): Promise<Reply> {
    const corrupt: Reply[] = [];
    let bytes = 0;
    for (const entry of entries) {
      const checked = await this.#scrubber.check(entry, this.#stopping, () => Promise.resolve());
      bytes += checked.bytes;
      if (checked.damagedLeaf !== undefined) corrupt.push({ id: idText(Buffer.from(entry.hex, 'hex')), leaf: checked.damagedLeaf });
    }
    return { checked_blobs: entries.length, checked_bytes: bytes, corrupt };
  }
}

function digestOf(cursor: string | undefined): string | undefined {
  if (cursor !== undefined && !DIGEST.test(cursor)) throw badField('cursor');
  return cursor;
}

function blobFields({ hex, record }: BlobEntry, nowMs: number): Reply {
  const { corruptLeaf, keptUntilMs, mediaType } = record;
  const pinned = record.pinned && keptUntilMs > nowMs;
  return {
    id: idText(Buffer.from(hex, 'hex')),
    state: corruptLeaf === undefined ? 'whole' : 'corrupt',
    size_bytes: record.sizeBytes,
    b3: aliasText(record.b3),
    ...(mediaType === '' ? {} : { media_type: mediaType }),
    created_ms: record.createdMs,
    pinned,
    ...(pinned && Number.isFinite(keptUntilMs) ? { pin_until_ms: keptUntilMs } : {}),
    ...(corruptLeaf === undefined ? {} : { corrupt_leaf: corruptLeaf }),
  };
}

function partFields({ hex, part }: PartEntry): Reply {
  return {
    id: idText(Buffer.from(hex, 'hex')),
    state: 'partial',
    ...(part.sizeBytes === undefined ? {} : { size_bytes: part.sizeBytes }),
    created_ms: part.startedMs,
    pinned: false,
    received_bytes: part.receivedBytes,
  };
}
