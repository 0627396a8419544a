export { AdminServer } from './admin-server.ts';
export type { AdminSource } from './admin-server.ts';
export type { ExportSource } from './metrics-exporter.ts';
export type { NotReady, NotReadyReason, Readiness } from './readiness.ts';
export { createZstdCodec } from './zstd-codec.ts';
export type { ZstdCodecOptions } from './zstd-codec.ts';
