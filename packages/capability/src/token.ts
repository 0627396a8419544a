import { CapabilityError } from './capability-error.ts';
import { TIME_MS_MAX, TOKEN_BYTES_MAX } from './limits.ts';
import { encodeMacaroon, parseMacaroon } from './macaroon/codec.ts';
import type { Macaroon, MacaroonFault } from './macaroon/codec.ts';

/** The macaroons that are capabilities (specs/capability-1.md §3.3), and their text form. */

/**
 * The location field of every capability. It is not signed, so any other value
 * is refused: a capability has one encoding. It also makes every token begin
 * with the same 15 characters, by which tools that look for leaked secrets find it.
 */
const TOKEN_LOCATION: Uint8Array = Buffer.from('omnigate', 'ascii');

const FORMAT = 1;
const KID_BYTES = 8;
export const NONCE_BYTES = 16;
const IDENTIFIER_BYTES = 31;
const Offset = { KID: 1, NONCE: 9, ISSUED_AT: 25 } as const;

/** What the signed identifier of a capability says. */
export interface TokenIdentity {
  /** Key it was minted with, 16 hex digits. */
  readonly kid: string;
  /** Names the token and everything attenuated from it, 32 hex digits. */
  readonly nonce: string;
  /** Unix time, milliseconds. */
  readonly issuedAtMs: number;
}

/** A macaroon that has the form of a capability; nothing about it is verified. */
export interface Token {
  readonly identity: TokenIdentity;
  readonly macaroon: Macaroon;
}

export type TokenFault = MacaroonFault | 'bad_location' | 'bad_identifier';

/** What each fault means, for whoever sent the bytes. */
export const TOKEN_FAULTS: Readonly<Record<TokenFault, string>> = Object.freeze({
  too_long: `The capability is longer than ${TOKEN_BYTES_MAX} bytes.`,
  bad_version: 'The capability is not in the macaroon v2 binary format.',
  bad_varint: 'A number in the capability is not in its shortest form, or too large.',
  truncated: 'The capability ends in the middle.',
  bad_field: 'The capability has a field where it does not belong.',
  third_party: 'The capability has a third-party caveat.',
  too_many_caveats: 'The capability has more than 32 caveats.',
  bad_signature_length: 'The signature of the capability is not 32 bytes long.',
  trailing_bytes: 'The capability has bytes behind its signature.',
  bad_location: 'The location of the capability is not "omnigate".',
  bad_identifier: 'The identifier of the capability is not of format 1.',
});

/** What a capability says of itself, unverified; `undefined` when the bytes are none. */
export function identityOf(bytes: Uint8Array): TokenIdentity | undefined {
  const token = parseToken(bytes);
  return typeof token === 'string' ? undefined : token.identity;
}

/** The capability that `bytes` have the form of, or what is wrong. Computes no HMAC and throws nothing. */
export function parseToken(bytes: Uint8Array): Token | TokenFault {
  const macaroon = parseMacaroon(bytes);
  if (typeof macaroon === 'string') return macaroon;
  const { location, identifier } = macaroon;
  if (location === undefined || Buffer.compare(location, TOKEN_LOCATION) !== 0) return 'bad_location';
  if (identifier.length !== IDENTIFIER_BYTES || identifier[0] !== FORMAT) return 'bad_identifier';
  const buffer = Buffer.from(identifier.buffer, identifier.byteOffset, IDENTIFIER_BYTES);
  return {
    identity: {
      kid: buffer.toString('hex', Offset.KID, Offset.NONCE),
      nonce: buffer.toString('hex', Offset.NONCE, Offset.ISSUED_AT),
      issuedAtMs: buffer.readUIntBE(Offset.ISSUED_AT, 6),
    },
    macaroon,
  };
}

/**
 * As {@link parseToken}, for callers who expect a capability.
 *
 * @throws CapabilityError cap_malformed
 */
export function readToken(bytes: Uint8Array): Token {
  const token = parseToken(bytes);
  if (typeof token !== 'string') return token;
  throw malformed(TOKEN_FAULTS[token]);
}

/** The 31 bytes of an identifier; kid and nonce are hex of their exact length. */
export function encodeIdentifier({ kid, nonce, issuedAtMs }: TokenIdentity): Buffer {
  const bytes = Buffer.alloc(IDENTIFIER_BYTES);
  bytes[0] = FORMAT;
  const written = bytes.write(kid, Offset.KID, 'hex') + bytes.write(nonce, Offset.NONCE, 'hex');
  if (written !== KID_BYTES + NONCE_BYTES || kid.length !== 2 * KID_BYTES) throw new RangeError('kid or nonce is not hex of its length');
  if (!Number.isSafeInteger(issuedAtMs) || issuedAtMs < 0 || issuedAtMs > TIME_MS_MAX) throw new RangeError('issuedAtMs is no time');
  bytes.writeUIntBE(issuedAtMs, Offset.ISSUED_AT, 6);
  return bytes;
}

/**
 * The bytes of a capability.
 *
 * @throws CapabilityError token_full
 */
export function encodeToken(identifier: Uint8Array, caveats: readonly Uint8Array[], signature: Uint8Array): Buffer {
  const bytes = encodeMacaroon({ location: TOKEN_LOCATION, identifier, caveats, signature });
  if (typeof bytes !== 'string') return bytes;
  throw new CapabilityError('token_full', TOKEN_FAULTS[bytes], 'Use fewer or shorter restrictions.');
}

/** Text form of a capability: base64url without padding (RFC 4648 §5). */
export function tokenToText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}

/**
 * The bytes of a text form. Exactly one text is accepted for given bytes: no
 * padding, no white space, no other alphabet, no stray bits at the end.
 *
 * @throws CapabilityError cap_malformed
 */
export function tokenFromText(text: string): Buffer {
  if (text.length > Math.ceil((TOKEN_BYTES_MAX * 4) / 3)) throw malformed(TOKEN_FAULTS.too_long);
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length === 0 || bytes.toString('base64url') !== text) {
    throw malformed('The text is not base64url without padding.');
  }
  return bytes;
}

function malformed(what: string): CapabilityError {
  return new CapabilityError('cap_malformed', what, 'Copy the whole token as it was printed, without spaces or line breaks.');
}
