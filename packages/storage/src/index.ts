export { GRACE_MS, SCRUB_BYTES_PER_SECOND, TENANT_BLOBS_DEFAULT, TENANT_BYTES_DEFAULT } from './limits.ts';
export { StorageReject } from './rejects.ts';
export { StorageOp } from './storage-op.ts';
export { storageService } from './storage-service.ts';
export type { StorageOptions } from './storage-service.ts';
