import { LRUCache } from 'lru-cache';
import type { BlobStore } from '../disk/blob-store.ts';
import { BLOB_CACHED_TRUST_MS, BLOBS_CACHED_BYTES_MAX } from '../limits.ts';

interface Cached {
  readonly version: number;
  /** All bytes of a blob, checked. */
  readonly bytes: Uint8Array;
  /** Monotonic milliseconds up to which nobody looks at the version. */
  trustedMs: number;
}

/**
 * Bytes of small blobs that were checked, for as long as what they were read from
 * did not change. A blob comes in when it is read for the second time among as
 * many as would fit: those that are read once, or in turn with too many others,
 * would drive out the rest and be gone before they are of use.
 */
export class BlobCache {
  readonly #store: BlobStore;
  /** Sizes of the blobs that were read last. */
  readonly #read = new LRUCache<string, number>({ maxSize: BLOBS_CACHED_BYTES_MAX, sizeCalculation: (bytes) => bytes });
  readonly #blobs = new LRUCache<string, Cached>({
    maxSize: BLOBS_CACHED_BYTES_MAX,
    sizeCalculation: ({ bytes }) => bytes.length,
  });

  constructor(store: BlobStore) {
    this.#store = store;
  }

  get(object: string): Uint8Array | undefined {
    const cached = this.#blobs.get(object);
    if (cached === undefined) return undefined;
    const nowMs = performance.now();
    if (nowMs < cached.trustedMs) return cached.bytes;
    if (cached.version !== this.#store.version(object)) {
      this.#blobs.delete(object);
      return undefined;
    }
    cached.trustedMs = nowMs + BLOB_CACHED_TRUST_MS;
    return cached.bytes;
  }

  /** Whether a blob is to be kept when it is read now. */
  wants(object: string): boolean {
    return this.#read.has(object);
  }

  /** Takes note of a blob that was read and is not kept. */
  note(object: string, sizeBytes: number): void {
    this.#read.set(object, sizeBytes);
  }

  /** @param version of the object, from before the bytes were read */
  set(object: string, version: number, bytes: Uint8Array): void {
    this.#blobs.set(object, { version, bytes, trustedMs: 0 });
  }
}
