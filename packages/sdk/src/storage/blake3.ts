/** BLAKE3 over bytes that come piece by piece. */
export interface Blake3Hasher {
  update(bytes: Uint8Array): unknown;
  /** 32 bytes. The hasher must not be used afterwards. */
  digest(): Uint8Array;
}

/** BLAKE3, however it is computed. It blocks while it hashes. */
export interface Blake3 {
  /** 32 bytes. */
  hash(bytes: Uint8Array): Uint8Array;
  hasher(): Promise<Blake3Hasher>;
}

const importNative = async (): Promise<Blake3> => {
  const { blake3, Blake3Hasher } = await import('@napi-rs/blake-hash');
  return {
    hash: (bytes) => blake3(bytes),
    hasher: () => {
      const hasher = new Blake3Hasher();
      return Promise.resolve({ update: (bytes) => hasher.update(bytes), digest: () => hasher.digestBuffer() });
    },
  };
};

/**
 * BLAKE3 by the native library, or by WebAssembly, ten times slower, where its
 * binary does not load.
 *
 * @param load the native library; tests let it fail
 */
export async function loadBlake3(load: () => Promise<Blake3> = importNative): Promise<Blake3> {
  try {
    return await load();
  } catch {
    const { createBLAKE3 } = await import('hash-wasm');
    const wasmHasher = async (): Promise<Blake3Hasher> => {
      const hasher = await createBLAKE3();
      return { update: (bytes) => hasher.update(bytes), digest: () => hasher.digest('binary') };
    };
    const shared = await createBLAKE3();
    return {
      hash: (bytes) => shared.init().update(bytes).digest('binary'),
      hasher: wasmHasher,
    };
  }
}
