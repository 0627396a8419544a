import type { BlobIndex } from '../index/blob-index.ts';

/** What every tenant may hold. */
export interface TenantQuota {
  /** Pinned and unpinned blobs and parts together. */
  readonly bytes: number;
  readonly blobs: number;
}

interface Reserved {
  bytes: number;
  blobs: number;
}

/** What tenants may still put: what the index says they hold, and what their PUTs under way will add. */
export class Accounts {
  readonly quota: TenantQuota;
  readonly #index: BlobIndex;
  readonly #reserved = new Map<string, Reserved>();

  constructor(index: BlobIndex, quota: TenantQuota) {
    this.#index = index;
    this.quota = quota;
  }

  /** Bytes that a tenant holds or has reserved. */
  usedBytes(tenant: string): number {
    const { pinnedBytes, unpinnedBytes, partialBytes } = this.#index.usage(tenant);
    return pinnedBytes + unpinnedBytes + partialBytes + (this.#reserved.get(tenant)?.bytes ?? 0);
  }

  /** Whether `bytes` and `blobs` more fit. */
  fits(tenant: string, bytes: number, blobs: number): boolean {
    const count = this.#index.usage(tenant).blobs + (this.#reserved.get(tenant)?.blobs ?? 0);
    return this.usedBytes(tenant) + bytes <= this.quota.bytes && count + blobs <= this.quota.blobs;
  }

  /** Sets aside, or gives back with negative numbers. */
  reserve(tenant: string, bytes: number, blobs: number): void {
    const reserved = this.#reserved.get(tenant) ?? { bytes: 0, blobs: 0 };
    reserved.bytes += bytes;
    reserved.blobs += blobs;
    if (reserved.bytes === 0 && reserved.blobs === 0) this.#reserved.delete(tenant);
    else this.#reserved.set(tenant, reserved);
  }
}
