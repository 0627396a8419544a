import type { Grant } from './grant.ts';
import { SIGNATURE_BYTES } from './macaroon/codec.ts';

interface Entry {
  readonly bytes: Buffer;
  readonly grant: Grant;
}

/**
 * Grants by the exact bytes of their tokens, least recently used out first. The
 * first 31 bits of the signature are the key: they are as good as random, so no
 * hash has to be computed over the token. Two tokens that share them take turns.
 */
export class GrantCache {
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #entries = new Map<number, Entry>();
  #bytes = 0;
  /** Key of the entry that was used last, so that one busy token is not moved about. */
  #newest = -1;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Token bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  get(bytes: Uint8Array): Grant | undefined {
    if (bytes.length < SIGNATURE_BYTES) return undefined;
    const key = keyOf(bytes);
    const entry = this.#entries.get(key);
    if (entry === undefined || !isSame(entry.bytes, bytes)) return undefined;
    if (key !== this.#newest) {
      // A Map keeps the order of insertion.
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      this.#newest = key;
    }
    return entry.grant;
  }

  /** Remembers a verified token; copies its bytes. */
  set(bytes: Uint8Array, grant: Grant): void {
    const key = keyOf(bytes);
    this.#delete(key);
    this.#entries.set(key, { bytes: Buffer.from(bytes), grant });
    this.#newest = key;
    this.#bytes += bytes.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#entriesMax && this.#bytes <= this.#bytesMax) break;
      this.#delete(oldest);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
    this.#newest = -1;
  }

  #delete(key: number): void {
    this.#bytes -= this.#entries.get(key)?.bytes.length ?? 0;
    this.#entries.delete(key);
  }
}

/** 31 bits of the signature, which is the end of a token. */
function keyOf(bytes: Uint8Array): number {
  const at = bytes.length - SIGNATURE_BYTES;
  const word =
    (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
  return word >>> 1;
}

/**
 * Compares the signatures first, in a time that does not depend on where they
 * differ; only who knows the signature learns anything about the rest.
 */
function isSame(known: Buffer, bytes: Uint8Array): boolean {
  const { length } = known;
  if (bytes.length !== length) return false;
  let difference = 0;
  for (let at = length - SIGNATURE_BYTES; at < length; at++) difference |= (known[at] as number) ^ (bytes[at] as number);
  return difference === 0 && known.equals(bytes);
}
