import type { BlobKeeper } from '../keeper/blob-keeper.ts';
import { ORPHANS_INTERVAL_MS, SWEEP_INTERVAL_MS, SWEEP_RECORDS_MAX } from '../limits.ts';
import { pause } from './pause.ts';

/** What a sweep removed. */
export interface Swept {
  readonly blobs: number;
  readonly bytes: number;
}

const OBJECT_NAME = /^([0-9a-f]{32})\/[0-9a-f]{2}\/([0-9a-f]{64})$/;
const PART_NAME = /^([0-9a-f]{32})-([0-9a-f]{64})$/;

/** Removes what nobody keeps, once its grace is over (specs/storage-1.md §8). */
export class Sweeper {
  readonly #keeper: BlobKeeper;
  readonly #graceMs: number;

  constructor(keeper: BlobKeeper, graceMs: number) {
    this.#keeper = keeper;
    this.#graceMs = graceMs;
  }

  /** Sweeps again and again until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { now } = this.#keeper;
    // What a crash left before this start may be due now, and all of it once the grace is over.
    let orphansDueMs = now() + this.#graceMs;
    await this.sweepOrphans(signal);
    while (!signal.aborted) {
      await this.sweepAll(signal);
      if (now() >= orphansDueMs) {
        orphansDueMs = now() + ORPHANS_INTERVAL_MS;
        await this.sweepOrphans(signal);
      }
      await pause(SWEEP_INTERVAL_MS, signal);
    }
  }

  /** What is due of all tenants. */
  async sweepAll(signal: AbortSignal): Promise<void> {
    const { index, figures } = this.#keeper;
    const held = { blobs: 0, pinnedBytes: 0, unpinnedBytes: 0, partialBytes: 0 };
    let tenants = index.tenants(undefined, SWEEP_RECORDS_MAX);
    while (tenants.length > 0) {
      for (const tenant of tenants) {
        if (signal.aborted) return;
        await this.sweepTenant(tenant);
        const { blobs, pinnedBytes, unpinnedBytes, partialBytes } = index.usage(tenant);
        held.blobs += blobs;
        held.pinnedBytes += pinnedBytes;
        held.unpinnedBytes += unpinnedBytes;
        held.partialBytes += partialBytes;
      }
      tenants = index.tenants(tenants.at(-1), SWEEP_RECORDS_MAX);
    }
    figures.held = held;
  }

  /** What is due of one tenant. */
  async sweepTenant(tenant: string): Promise<Swept> {
    const { index } = this.#keeper;
    const beforeMs = this.#keeper.now() - this.#graceMs;
    let blobs = 0;
    let bytes = 0;
    for (;;) {
      const due = index.ended(tenant, beforeMs, SWEEP_RECORDS_MAX);
      const removed = await Promise.all(due.map((hex) => this.#keeper.removeEnded(tenant, hex, beforeMs)));
      const sizes = removed.filter((size) => size !== undefined);
      blobs += sizes.length;
      bytes += sizes.reduce((sum, size) => sum + size, 0);
      if (sizes.length === 0) break;
    }
    for (const entry of index.parts(tenant)) {
      if (entry.part.changedMs < beforeMs) bytes += await this.#keeper.removePart(entry);
    }
    return { blobs, bytes };
  }

  /** Files that no record names, such as those of a PUT that a crash ended. */
  async sweepOrphans(signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#keeper;
    const beforeMs = this.#keeper.now() - this.#graceMs;
    let removed = 0;
    for await (const { kind, name, changedMs } of store.list()) {
      if (signal.aborted) return;
      if (changedMs >= beforeMs) continue;
      if (kind === 'part') {
        if (!this.#isPartKnown(name)) {
          await store.discard(name);
          removed += 1;
        }
      } else {
        const [, tenant, hex] = OBJECT_NAME.exec(name) ?? [];
        if (tenant !== undefined && hex !== undefined && (await this.#keeper.removeOrphan(tenant, hex, kind))) removed += 1;
      }
    }
    if (removed > 0) logger.info({ event: 'StorageOrphansRemoved', files: removed }, 'removed files that a crash left');
  }

  #isPartKnown(name: string): boolean {
    if (this.#keeper.partsInUse.has(name)) return true;
    const [, tenant, hex] = PART_NAME.exec(name) ?? [];
    return tenant !== undefined && hex !== undefined && this.#keeper.index.part(tenant, hex) !== undefined;
  }
}
