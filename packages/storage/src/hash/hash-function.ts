/** A hash over bytes that come piece by piece. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** 32 bytes. The hasher must not be used afterwards. */
  digest(): Uint8Array;
}

/** BLAKE3, however it is computed. */
export interface HashFunction {
  /** For the log: a node that hashes in WebAssembly is slower than its operator may expect. */
  readonly implementation: 'native' | 'wasm';
  /** 32 bytes. */
  hash(bytes: Uint8Array): Uint8Array;
  hasher(): Hasher;
}
