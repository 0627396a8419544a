import { createHmac } from 'node:crypto';

/**
 * The chain of HMAC-SHA256 that a macaroon's signature is (specs/capability-1.md
 * §4): the root key signs the identifier, each signature is the key for the next
 * caveat, and the last one is the signature. Whoever has it can add a caveat, and
 * nobody can go back.
 */

const KEY_GENERATOR = 'macaroons-key-generator';

/** HMAC-SHA256 of `data`, 32 bytes. */
export function hmac(key: Uint8Array | string, data: Uint8Array | string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** The key that signs identifiers, from a root key of any length, as libmacaroons derives it. */
export function deriveKey(rootKey: Uint8Array): Buffer {
  return hmac(KEY_GENERATOR, rootKey);
}

/** Goes on from `signature`, over one caveat after the other. */
export function extendChain(signature: Uint8Array, caveats: readonly Uint8Array[]): Uint8Array {
  let last = signature;
  for (const caveat of caveats) last = hmac(last, caveat);
  return last;
}

/** The whole chain. */
export function signChain(derivedKey: Uint8Array, identifier: Uint8Array, caveats: readonly Uint8Array[]): Uint8Array {
  return extendChain(hmac(derivedKey, identifier), caveats);
}
