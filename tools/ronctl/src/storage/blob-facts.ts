import type { BlobStatus } from '@omnigate/sdk';

/** What is known of a blob, by the names that specs/storage-1.md gives it. */
export function blobFacts(status: BlobStatus): Readonly<Record<string, unknown>> {
  return {
    id: status.id,
    state: status.state,
    size_bytes: status.sizeBytes,
    b3: status.b3,
    media_type: status.mediaType,
    created_ms: status.createdMs,
    pinned: status.pinned,
    pin_until_ms: status.pinUntilMs,
    received_bytes: status.receivedBytes,
    corrupt_leaf: status.corruptLeaf,
  };
}
