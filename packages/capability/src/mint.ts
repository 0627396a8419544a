import { randomBytes } from 'node:crypto';

import { CapabilityError } from './capability-error.ts';
import { encodeCaveat } from './caveat/caveat.ts';
import type { Keyring } from './keyring.ts';
import { TTL_MS_DEFAULT } from './limits.ts';
import { extendChain } from './macaroon/chain.ts';
import { encodeRestrictions } from './restrictions.ts';
import type { Restrictions } from './restrictions.ts';
import { encodeIdentifier, encodeToken, NONCE_BYTES, readToken, tokenToText } from './token.ts';
import type { TokenIdentity } from './token.ts';

/** What to mint; `expiresAtMs` may be given instead of `ttlMs`. */
export interface MintOptions extends Restrictions {
  /** 32 lower-case hex digits, neither all zeros nor all `f`. */
  readonly tenant: string;
  /** Life in milliseconds; TTL_MS_DEFAULT, or what the key allows if that is less. */
  readonly ttlMs?: number | undefined;
  /** Unix time, milliseconds. */
  readonly nowMs: number;
}

/** A new capability. Whoever has `bytes` or `text` has the right: never log them. */
export interface MintedCapability extends TokenIdentity {
  readonly bytes: Buffer;
  /** `bytes` in base64url. */
  readonly text: string;
  readonly tenant: string;
  readonly expiresAtMs: number;
  /** The caveats as they are in the token. */
  readonly caveats: readonly string[];
}

/**
 * Mints a capability with the active key: first caveat the tenant, second the end
 * of its life, then the other restrictions.
 *
 * @throws CapabilityError caveat_invalid, ttl_too_long, token_full
 */
export function mintCapability(keyring: Keyring, options: MintOptions): MintedCapability {
  const { tenant, nowMs } = options;
  const key = keyring.active;
  if (/^(0+|f+)$/.test(tenant)) {
    throw new CapabilityError('caveat_invalid', 'All zeros and all ones are no tenant.', 'Choose another tenant_id.');
  }
  const expiresAtMs = options.expiresAtMs ?? nowMs + (options.ttlMs ?? Math.min(TTL_MS_DEFAULT, key.ttlMaxMs));
  if (!(expiresAtMs - nowMs <= key.ttlMaxMs)) {
    throw new CapabilityError(
      'ttl_too_long',
      `The active key allows a life of at most ${key.ttlMaxMs} ms.`,
      'Ask for a shorter life, or rotate to a key that allows a longer one.',
    );
  }
  if (expiresAtMs <= nowMs) {
    throw new CapabilityError('caveat_invalid', 'The capability would have expired already.', 'Ask for a life of at least 1 ms.');
  }
  const identity: TokenIdentity = { kid: key.kid, nonce: randomBytes(NONCE_BYTES).toString('hex'), issuedAtMs: nowMs };
  const identifier = encodeIdentifier(identity);
  const root = keyring.signIdentifier(key, identifier);
  if (root === undefined) throw new Error('the active key has a secret');
  const caveats = [encodeCaveat({ name: 'tenant', value: tenant }), ...encodeRestrictions({ ...options, expiresAtMs })];
  const bytes = encodeToken(identifier, caveats, extendChain(root, caveats));
  return {
    ...identity,
    bytes,
    text: tokenToText(bytes),
    tenant,
    expiresAtMs,
    caveats: caveats.map((caveat) => caveat.toString('utf8')),
  };
}

/**
 * A capability that allows what `token` allows and the restrictions do not forbid.
 * Needs no key; the token need not be valid.
 *
 * @throws CapabilityError cap_malformed, caveat_invalid, token_full
 */
export function attenuateCapability(token: Uint8Array, restrictions: Restrictions): Buffer {
  const { identifier, caveats, signature } = readToken(token).macaroon;
  const added = encodeRestrictions(restrictions);
  return encodeToken(identifier, [...caveats, ...added], extendChain(signature, added));
}
