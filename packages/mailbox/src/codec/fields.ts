import { encode } from '@msgpack/msgpack';
import { decodeMap, OapError, Reject } from '@omnigate/kernel/wire';
import { HEADERS_BYTES_MAX, HEADERS_MAX, NAME_BYTES_MAX, RECEIPT_BYTES_MAX, RECEIPTS_MAX } from '../limits.ts';
import { isTopicName, isUnicode } from './topic-name.ts';

/** A field that is not as the specification wants it (specs/mailbox-1.md §1.1). */
export function badField(field: string, wanted: string): OapError {
  return new OapError(Reject.bad_payload, { message: `The field ${field} must be ${wanted}.`, detail: { field } });
}

/** The fields of one request or of a part of it; nil counts as missing. Every method throws `bad_payload` naming the field. */
export class Fields {
  readonly #map: Readonly<Record<string, unknown>>;

  private constructor(map: Readonly<Record<string, unknown>>) {
    this.#map = map;
  }

  /** Those of a whole payload. */
  static of(payload: Uint8Array): Fields {
    const map = decodeMap(payload);
    if (map === undefined) throw badField('', 'one MessagePack map: the whole payload');
    return new Fields(map);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#map, name);
  }

  isNil(name: string): boolean {
    return this.has(name) && this.#map[name] === null;
  }

  /** An integer of a range; `absent` when it is not there, and required when that is undefined. */
  int(name: string, min: number, max: number, absent?: number): number {
    const value = this.#get(name);
    if (value === undefined && absent !== undefined) return absent;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    throw badField(name, `an integer from ${min} to ${max}`);
  }

  bool(name: string, absent: boolean): boolean {
    const value = this.#get(name) ?? absent;
    if (typeof value === 'boolean') return value;
    throw badField(name, 'true or false');
  }

  bin(name: string): Uint8Array {
    const value = this.#get(name);
    if (value instanceof Uint8Array) return value;
    throw badField(name, 'bin');
  }

  /** A cursor of an earlier reply, as binary string; empty when absent. */
  cursor(name: string, bytes: number): string {
    const value = this.#get(name);
    if (value === undefined) return '';
    if (value instanceof Uint8Array && value.length === bytes) return Buffer.from(value).toString('latin1');
    throw badField(name, 'the next of an earlier reply');
  }

  /** Maps, each with fields of its own; undefined when absent. */
  optionalMaps(name: string, countMax: number): Fields[] | undefined {
    const value = this.#get(name);
    if (value === undefined) return undefined;
    const ok = Array.isArray(value) && value.length >= 1 && value.length <= countMax && value.every(isMap);
    if (ok) return value.map((map) => new Fields(map));
    throw badField(name, `an array of 1 to ${countMax} maps`);
  }

  text(name: string): string {
    const value = this.#get(name);
    if (typeof value === 'string') return value;
    throw badField(name, 'a string');
  }

  topic(name: string): string {
    const value = this.text(name);
    if (isTopicName(value)) return value;
    throw badField(name, 'a topic: segments joined by /, none of them empty, . or .., without control characters and backslash, at most 512 bytes');
  }

  optionalTopic(name: string): string | undefined {
    return this.#get(name) === undefined ? undefined : this.topic(name);
  }

  /** Key or group of a message. */
  optionalName(name: string): string | undefined {
    if (this.#get(name) === undefined) return undefined;
    const value = this.text(name);
    if (value.length > 0 && value.length <= NAME_BYTES_MAX && isUnicode(value) && Buffer.byteLength(value) <= NAME_BYTES_MAX) return value;
    throw badField(name, `a string of 1 to ${NAME_BYTES_MAX} bytes`);
  }

  oneOf<const T extends string>(name: string, values: readonly T[], absent: T): T {
    const value = this.#get(name) ?? absent;
    const known = values.find((other) => other === value);
    if (known !== undefined) return known;
    throw badField(name, `one of ${values.join(', ')}`);
  }

  receipts(): Uint8Array[] {
    const value = this.#get('receipts');
    const ok =
      Array.isArray(value) &&
      value.length >= 1 &&
      value.length <= RECEIPTS_MAX &&
      value.every((receipt) => receipt instanceof Uint8Array && receipt.length <= RECEIPT_BYTES_MAX);
    if (ok) return value as Uint8Array[];
    throw badField('receipts', `an array of 1 to ${RECEIPTS_MAX} receipts`);
  }

  /** The receipts in a reply to RECV, or in a record of a subscription. */
  receiptsOfMessages(): Uint8Array[] {
    const messages = this.#get('messages') as readonly { readonly receipt?: Uint8Array }[];
    return messages.flatMap(({ receipt }) => (receipt === undefined ? [] : [receipt]));
  }

  /** Headers of a message; undefined when there are none. */
  headers(): Readonly<Record<string, string>> | undefined {
    const value = this.#get('headers');
    if (value === undefined) return undefined;
    if (isTextMap(value)) {
      const count = Object.keys(value).length;
      if (count === 0) return undefined;
      if (count <= HEADERS_MAX && encode(value).length <= HEADERS_BYTES_MAX) return value;
    }
    throw badField('headers', `a map of at most ${HEADERS_MAX} strings to strings, of at most ${HEADERS_BYTES_MAX} bytes`);
  }

  /** The conditions of a REDRIVE. */
  filter(): Readonly<Record<string, string>> {
    const value = this.#get('filter') ?? {};
    if (isTextMap(value)) return value;
    throw badField('filter', 'a map of strings');
  }

  #get(name: string): unknown {
    const value = this.has(name) ? this.#map[name] : undefined;
    return value === null ? undefined : value;
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isTextMap(value: unknown): value is Record<string, string> {
  return isMap(value) && Object.values(value).every((item) => typeof item === 'string');
}
