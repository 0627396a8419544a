/** app_proto_id of the storage service. */
export const APP_STORAGE = 17;

/** Operations of storage (specs/storage-1.md §5). */
export const StorageOp = {
  GET: 1,
  HAS: 2,
  PUT: 3,
  STAT: 4,
  PIN: 5,
  UNPIN: 6,
  LIST: 7,
  GC: 8,
  SCRUB: 9,
} as const;
