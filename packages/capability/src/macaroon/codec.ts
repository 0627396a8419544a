import { TOKEN_BYTES_MAX, TOKEN_CAVEATS_MAX } from '../limits.ts';

/**
 * The libmacaroons v2 binary format (specs/capability-1.md §3): pure, knows no
 * key and no meaning of a caveat.
 */

/** One macaroon with first-party caveats; the parts are views of the bytes it was read from. */
export interface Macaroon {
  /** A hint for people, not covered by the signature; absent when the field is. */
  readonly location: Uint8Array | undefined;
  readonly identifier: Uint8Array;
  readonly caveats: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

/** What is wrong with bytes that are no canonical macaroon. */
export type MacaroonFault =
  | 'too_long'
  | 'bad_version'
  | 'bad_varint'
  | 'truncated'
  | 'bad_field'
  | 'third_party'
  | 'too_many_caveats'
  | 'bad_signature_length'
  | 'trailing_bytes';

export const SIGNATURE_BYTES = 32;

const VERSION = 2;
const Field = { END: 0, LOCATION: 1, IDENTIFIER: 2, VERIFICATION_ID: 4, SIGNATURE: 6 } as const;

/**
 * Reads fields off the front. A fault sticks: after one, every `next()` gives
 * Field.END with no value, so that loops end.
 */
class FieldReader {
  /** Value of the field that `next()` read. */
  start = 0;
  end = 0;

  readonly #bytes: Uint8Array;
  #at = 1;
  #fault: MacaroonFault | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** What was found wrong so far. */
  fault(): MacaroonFault | undefined {
    return this.#fault;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Type of the next field; its value, if it has one, is bytes[start, end). */
  next(): number {
    if (this.#fault !== undefined) return Field.END;
    const type = this.#bytes[this.#at];
    if (type === undefined) return this.#fail('truncated');
    this.#at += 1;
    // Every type of the format is one byte, so a longer varint is no shortest one or no type.
    if (type > 0x7f) return this.#fail('bad_varint');
    if (type === Field.END) return type;
    const length = this.#length();
    if (length < 0) return Field.END;
    this.start = this.#at;
    this.end = this.#at + length;
    if (this.end > this.#bytes.length) return this.#fail('truncated');
    this.#at = this.end;
    return type;
  }

  /** A varint of at most two bytes, in its shortest form; two hold more than TOKEN_BYTES_MAX. */
  #length(): number {
    const low = this.#bytes[this.#at];
    if (low === undefined) return this.#failLength('truncated');
    this.#at += 1;
    if (low < 0x80) return low;
    const high = this.#bytes[this.#at];
    if (high === undefined) return this.#failLength('truncated');
    this.#at += 1;
    if (high === 0 || high > 0x7f) return this.#failLength('bad_varint');
    return (low & 0x7f) | (high << 7);
  }

  #failLength(fault: MacaroonFault): number {
    this.#fail(fault);
    return -1;
  }

  #fail(fault: MacaroonFault): number {
    this.#fault ??= fault;
    return Field.END;
  }
}

/**
 * The one macaroon that `bytes` are, or what is wrong with them. There is
 * exactly one encoding of each macaroon: whatever this accepts,
 * {@link encodeMacaroon} writes back byte for byte. Work and memory are bounded
 * by TOKEN_BYTES_MAX and TOKEN_CAVEATS_MAX, and nothing is thrown.
 */
export function parseMacaroon(bytes: Uint8Array): Macaroon | MacaroonFault {
  if (bytes.length > TOKEN_BYTES_MAX) return 'too_long';
  if (bytes.length === 0) return 'truncated';
  if (bytes[0] !== VERSION) return 'bad_version';
  const fields = new FieldReader(bytes);
  const value = () => bytes.subarray(fields.start, fields.end);

  let type = fields.next();
  let location: Uint8Array | undefined;
  if (type === Field.LOCATION) {
    location = value();
    type = fields.next();
  }
  if (type !== Field.IDENTIFIER) return fields.fault() ?? 'bad_field';
  const identifier = value();
  if (fields.next() !== Field.END || fields.fault() !== undefined) return fields.fault() ?? 'bad_field';

  const caveats: Uint8Array[] = [];
  for (type = fields.next(); type !== Field.END; type = fields.next()) {
    // Only a third-party caveat has a location.
    if (type === Field.LOCATION) return 'third_party';
    if (type !== Field.IDENTIFIER) return 'bad_field';
    if (caveats.length === TOKEN_CAVEATS_MAX) return 'too_many_caveats';
    caveats.push(value());
    type = fields.next();
    if (type === Field.VERIFICATION_ID) return 'third_party';
    if (type !== Field.END) return 'bad_field';
  }
  const fault = fields.fault();
  if (fault !== undefined) return fault;

  if (fields.next() !== Field.SIGNATURE) return fields.fault() ?? 'bad_field';
  if (fields.end - fields.start !== SIGNATURE_BYTES) return 'bad_signature_length';
  return fields.atEnd ? { location, identifier, caveats, signature: value() } : 'trailing_bytes';
}

/**
 * The bytes of a macaroon, or what forbids them: `too_long`, `too_many_caveats`
 * or `bad_signature_length`.
 */
export function encodeMacaroon(macaroon: Macaroon): Buffer | MacaroonFault {
  const { location, identifier, caveats, signature } = macaroon;
  if (caveats.length > TOKEN_CAVEATS_MAX) return 'too_many_caveats';
  if (signature.length !== SIGNATURE_BYTES) return 'bad_signature_length';
  const parts: Uint8Array[] = [Uint8Array.of(VERSION)];
  if (location !== undefined) parts.push(...field(Field.LOCATION, location));
  parts.push(...field(Field.IDENTIFIER, identifier), Uint8Array.of(Field.END));
  for (const caveat of caveats) parts.push(...field(Field.IDENTIFIER, caveat), Uint8Array.of(Field.END));
  parts.push(Uint8Array.of(Field.END), ...field(Field.SIGNATURE, signature));
  const bytes = Buffer.concat(parts);
  return bytes.length > TOKEN_BYTES_MAX ? 'too_long' : bytes;
}

function field(type: number, value: Uint8Array): [Uint8Array, Uint8Array] {
  const { length } = value;
  // A length that needs a third byte makes the whole too long anyway.
  const head = length < 0x80 ? [type, length] : [type, (length & 0x7f) | 0x80, length >> 7];
  return [Uint8Array.from(head), value];
}
