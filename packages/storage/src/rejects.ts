import { defineReject } from '@omnigate/kernel';

/** The reasons of the storage service (specs/storage-1.md §11). */
export const StorageReject = {
  content_mismatch: defineReject('content_mismatch', 400, false, 'K', 'Send the bytes that detail.field describes, or leave the field out.'),
  range_invalid: defineReject('range_invalid', 400, false, 'K', 'Ask for ranges that begin before the size_bytes of the blob.'),
  blob_not_found: defineReject('blob_not_found', 404, false, 'K', 'Check the id and the tenant, and put the blob again when it was not pinned.'),
  upload_offset: defineReject('upload_offset', 409, false, 'K', 'Go on from the received_bytes that STAT tells, or from 0.'),
  upload_replaced: defineReject('upload_replaced', 409, false, 'K', 'Leave the upload to the request that took it over.'),
  blob_too_large: defineReject('blob_too_large', 413, false, 'K', 'Split the data into blobs of at most 16 GiB.'),
  blob_corrupt: defineReject('blob_corrupt', 500, false, 'K', 'Put the blob again from another copy, and have the operator check the disk.'),
  storage_busy: defineReject('storage_busy', 503, true, 'K', 'Send the request again after retry_after_ms.'),
  storage_quota: defineReject('storage_quota', 507, false, 'K', 'Unpin blobs that are not needed, or ask the operator for a larger quota.'),
  storage_full: defineReject('storage_full', 507, false, 'K', 'Ask the operator to make room on the disk of the node.'),
} as const;
