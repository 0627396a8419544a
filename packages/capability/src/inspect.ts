import { parseCaveat } from './caveat/caveat.ts';
import type { Caveat } from './caveat/caveat.ts';
import { readToken } from './token.ts';
import type { TokenIdentity } from './token.ts';

/** One caveat as a person may see it. */
export interface InspectedCaveat {
  /** The caveat with everything but printable characters escaped: it may come from a stranger. */
  readonly text: string;
  /** What it means; `undefined` when it is unknown and the token therefore allows nothing. */
  readonly caveat: Caveat | undefined;
}

/** What a token says of itself. Nothing of it is verified, and the signature is left out. */
export interface InspectedCapability extends TokenIdentity {
  /** Size of the token. */
  readonly bytes: number;
  /** Tenant of the first caveat; `undefined` when that is none. */
  readonly tenant: string | undefined;
  /** Earliest of its ends; `undefined` when it names none. */
  readonly expiresAtMs: number | undefined;
  readonly caveats: readonly InspectedCaveat[];
}

/**
 * Looks into a token without any key.
 *
 * @throws CapabilityError cap_malformed
 */
export function inspectCapability(token: Uint8Array): InspectedCapability {
  const { identity, macaroon } = readToken(token);
  const caveats = macaroon.caveats.map((bytes) => ({ text: printable(bytes), caveat: parseCaveat(bytes) }));
  const first = caveats[0]?.caveat;
  const ends = caveats.flatMap(({ caveat }) => (caveat?.name === 'exp' ? [caveat.value] : []));
  return {
    ...identity,
    bytes: token.length,
    tenant: first?.name === 'tenant' ? first.value : undefined,
    expiresAtMs: ends.length === 0 ? undefined : Math.min(...ends),
    caveats,
  };
}

/** Text that cannot steer a terminal; bytes that are no UTF-8 show as U+FFFD. */
function printable(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\\]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
