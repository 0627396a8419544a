/** Names of the metrics of storage; docs/METRICS.md explains each. */
export const StorageMetricName = {
  BLOBS: 'storage_blobs',
  PINNED_BYTES: 'storage_pinned_bytes',
  UNPINNED_BYTES: 'storage_unpinned_bytes',
  PARTIAL_BYTES: 'storage_partial_bytes',
  CORRUPT_BLOBS: 'storage_corrupt_blobs_total',
  SCRUBBED_BYTES: 'storage_scrubbed_bytes_total',
  SWEPT_BLOBS: 'storage_swept_blobs_total',
  SWEPT_BYTES: 'storage_swept_bytes_total',
} as const;
