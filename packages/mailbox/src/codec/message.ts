import { crc32 } from 'node:zlib';
import { encode } from '@msgpack/msgpack';
import { decodeMap } from '@omnigate/kernel/wire';
import { getU32, getU48, putU32, putU48 } from './binary.ts';
import { asBuffer } from './slot.ts';

/** Why and whence a message came to a dead-letter topic, as it stands in replies. */
export interface DeadLetter {
  readonly topic: string;
  readonly reason: 'expired' | 'nacked';
  readonly deliveries: number;
  readonly at_ms: number;
}

/** The optional fields of a message, as they stand in replies. */
export interface Extras {
  readonly key?: string;
  readonly group?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly dead?: DeadLetter;
}

/** A message as it is stored, once. */
export interface StoredMessage {
  readonly priority: number;
  /** The body is the application's own ciphertext. */
  readonly endToEnd: boolean;
  readonly sentAtMs: number;
  /** 0: never. */
  readonly expiresAtMs: number;
  /** MessagePack of `Extras`, without the byte that opens the map. */
  readonly extras: Uint8Array;
  readonly extrasCount: number;
  readonly body: Uint8Array;
}

type EncodedExtras = Pick<StoredMessage, 'extras' | 'extrasCount'>;

// crc32, flags, priority, time of sending, time of expiry, count and bytes of the extras.
const HEAD_BYTES = 21;
const END_TO_END = 1;
const NO_BYTES = new Uint8Array(0);

/** Extras of those that are there. */
export function extrasOf(some: { readonly [Name in 'key' | 'group' | 'headers']: Extras[Name] | undefined }): Extras {
  return Object.fromEntries(Object.entries(some).filter(([, value]) => value !== undefined));
}

/** A message that has none of them. */
export const NO_EXTRAS: EncodedExtras = { extras: NO_BYTES, extrasCount: 0 };

/** The extras of a message as bytes and their count. */
export function encodeExtras(extras: Extras): EncodedExtras {
  const extrasCount = Object.keys(extras).length;
  // A map of up to 15 fields opens with one byte.
  return extrasCount === 0 ? NO_EXTRAS : { extras: encode(extras).subarray(1), extrasCount };
}

export function decodeExtras({ extras, extrasCount }: StoredMessage): Extras {
  if (extrasCount === 0) return {};
  const map = Buffer.allocUnsafe(extras.length + 1);
  map[0] = 0x80 | extrasCount;
  map.set(extras, 1);
  return decodeMap(map) ?? {};
}

export function encodeMessage(message: StoredMessage): Buffer {
  const { extras, body } = message;
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + extras.length + body.length);
  bytes[4] = message.endToEnd ? END_TO_END : 0;
  bytes[5] = message.priority;
  putU48(bytes, 6, message.sentAtMs);
  putU48(bytes, 12, message.expiresAtMs);
  bytes[18] = message.extrasCount;
  bytes.writeUInt16BE(extras.length, 19);
  if (extras.length > 0) bytes.set(extras, HEAD_BYTES);
  bytes.set(body, HEAD_BYTES + extras.length);
  putU32(bytes, 0, crc32(bytes.subarray(4)));
  return bytes;
}

/** The message that was stored; undefined when its bytes are not what was written. */
export function decodeMessage(stored: Uint8Array): StoredMessage | undefined {
  const bytes = asBuffer(stored);
  return bytes.length < HEAD_BYTES || crc32(bytes.subarray(4)) !== getU32(bytes, 0) ? undefined : readMessage(bytes);
}

/** The message in bytes that were never anywhere but in memory. */
export function readMessage(stored: Uint8Array): StoredMessage {
  const bytes = asBuffer(stored);
  const bodyAt = HEAD_BYTES + bytes.readUInt16BE(19);
  return {
    endToEnd: bytes[4] === END_TO_END,
    priority: bytes[5] as number,
    sentAtMs: getU48(bytes, 6),
    expiresAtMs: getU48(bytes, 12),
    extrasCount: bytes[18] as number,
    extras: bodyAt === HEAD_BYTES ? NO_BYTES : bytes.subarray(HEAD_BYTES, bodyAt),
    body: bytes.subarray(bodyAt),
  };
}
