import type { Hasher, HashFunction } from './hash-function.ts';

/** What is used of `@napi-rs/blake-hash`. */
interface NativeModule {
  blake3(input: Uint8Array): Uint8Array;
  readonly Blake3Hasher: new () => { update(input: Uint8Array): unknown; digestBuffer(): Uint8Array };
}

/** What is used of `hash-wasm`. */
interface WasmModule {
  createBLAKE3(): Promise<WasmHasher>;
}

interface WasmHasher {
  init(): unknown;
  update(data: Uint8Array): unknown;
  digest(output: 'binary'): Uint8Array;
  save(): Uint8Array;
  load(state: Uint8Array): unknown;
}

const importNative = async (): Promise<NativeModule> => await import('@napi-rs/blake-hash');

/**
 * BLAKE3 by the native library, or by WebAssembly, ten times slower, where its
 * binary does not load. Both block while they hash, so give them a leaf at a time.
 *
 * @param load the native library; tests let it fail
 */
export async function loadBlake3(load: () => Promise<NativeModule> = importNative): Promise<HashFunction> {
  try {
    const native = await load();
    return {
      implementation: 'native',
      hash: (bytes) => native.blake3(bytes),
      hasher: () => {
        const hasher = new native.Blake3Hasher();
        return {
          update: (bytes) => {
            hasher.update(bytes);
          },
          digest: () => hasher.digestBuffer(),
        };
      },
    };
  } catch {
    return wasmFunction((await import('hash-wasm')));
  }
}

async function wasmFunction(module: WasmModule): Promise<HashFunction> {
  const shared = await module.createBLAKE3();
  return {
    implementation: 'wasm',
    hash: (bytes) => {
      shared.init();
      shared.update(bytes);
      return shared.digest('binary');
    },
    hasher: () => new SavedHasher(shared),
  };
}

/** A hash under way that keeps its state outside of the one WebAssembly instance, whose memory all of them share. */
class SavedHasher implements Hasher {
  readonly #shared: WasmHasher;
  #state: Uint8Array;

  constructor(shared: WasmHasher) {
    this.#shared = shared;
    shared.init();
    this.#state = shared.save();
  }

  update(bytes: Uint8Array): void {
    this.#shared.load(this.#state);
    this.#shared.update(bytes);
    this.#state = this.#shared.save();
  }

  digest(): Uint8Array {
    this.#shared.load(this.#state);
    return this.#shared.digest('binary');
  }
}
