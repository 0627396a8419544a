import { timingSafeEqual } from 'node:crypto';

import { parseCaveat } from './caveat/caveat.ts';
import type { Caveat } from './caveat/caveat.ts';
import { denial } from './denial.ts';
import type { Denial } from './denial.ts';
import { Grant } from './grant.ts';
import type { Keyring } from './keyring.ts';
import { extendChain } from './macaroon/chain.ts';
import { parseToken, TOKEN_FAULTS } from './token.ts';
import type { TokenFault } from './token.ts';

const MALFORMED = Object.fromEntries(
  Object.entries(TOKEN_FAULTS).map(([fault, detail]) => [fault, denial('cap_malformed', detail)]),
) as Readonly<Record<TokenFault, Denial>>;

const MISSING = denial('cap_missing', 'There is no capability.');
const KID_UNKNOWN = denial('cap_kid', 'The key of this capability is unknown here.');
const KID_RETIRED = denial('cap_kid', 'The key of this capability is retired.');
const BAD_SIGNATURE = denial('cap_invalid', 'The signature of the capability is wrong.');
const NO_TENANT = denial('cap_invalid', 'The first caveat of the capability is no tenant.');
const UNKNOWN_CAVEAT = denial('cap_scope', 'The capability has a caveat that this node does not know.');
const TIME_DENIALS = {
  cap_kid: KID_RETIRED,
  cap_expired: denial('cap_expired', 'The capability has expired.'),
  cap_not_yet: denial('cap_not_yet', 'The capability is not valid yet.'),
} as const;

/**
 * Steps 1 to 6 of specs/capability-1.md §6.1: form, key, chain, caveats; not time
 * and not revocation, which change while the bytes do not.
 */
export function openCapability(bytes: Uint8Array, keyring: Keyring, nowMs: number): Grant | Denial {
  if (bytes.length === 0) return MISSING;
  const token = parseToken(bytes);
  if (typeof token === 'string') return MALFORMED[token];
  const { identity, macaroon } = token;

  const key = keyring.find(identity.kid);
  if (key === undefined) return KID_UNKNOWN;
  const root = keyring.isUsable(key, nowMs) ? keyring.signIdentifier(key, macaroon.identifier) : undefined;
  if (root === undefined) return KID_RETIRED;
  if (!timingSafeEqual(extendChain(root, macaroon.caveats), macaroon.signature)) return BAD_SIGNATURE;

  const caveats: Caveat[] = [];
  for (const caveatBytes of macaroon.caveats) {
    const caveat = parseCaveat(caveatBytes);
    if (caveat === undefined) break;
    caveats.push(caveat);
  }
  const first = caveats[0];
  if (first?.name !== 'tenant') return NO_TENANT;
  if (caveats.length < macaroon.caveats.length) return UNKNOWN_CAVEAT;
  return new Grant(identity, first.value, caveats, { ttlMaxMs: key.ttlMaxMs, retireAtMs: key.retireAtMs ?? Infinity });
}

/** The denial of a grant whose time is not now; `undefined` when it is. */
export function timeDenial(grant: Grant, nowMs: number): Denial | undefined {
  const reason = grant.checkTime(nowMs);
  return reason === undefined ? undefined : TIME_DENIALS[reason];
}

/**
 * Verifies a capability: what it grants, or why it is refused. Does not ask about
 * revocations; a {@link CapabilityVerifier} does, and remembers.
 *
 * @param nowMs Unix time, milliseconds
 */
export function verifyCapability(bytes: Uint8Array, keyring: Keyring, nowMs: number): Grant | Denial {
  const opened = openCapability(bytes, keyring, nowMs);
  return opened instanceof Grant ? (timeDenial(opened, nowMs) ?? opened) : opened;
}
