export { StorageReject } from './rejects.ts';
export { StorageOp } from './storage-op.ts';
export { storageService } from './storage-service.ts';
export type { StorageOptions } from './storage-service.ts';
