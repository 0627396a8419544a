import { randomFillSync } from 'node:crypto';

/** Bytes of a ULID: 6 of time, 10 of chance. */
export const ID_BYTES = 16;
const TIME_BYTES = 6;
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ID_TEXT = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Fills bytes with chance; tests bring their own. */
export type Entropy = (bytes: Uint8Array) => void;

export const systemEntropy: Entropy = (bytes) => {
  randomFillSync(bytes);
};

/**
 * Turns `last`, the newest id of a topic, into the next one: of the time `nowMs`
 * when that is later, else the number behind it. So ids of a topic rise whatever
 * the clock does.
 */
export function advanceId(last: Buffer, nowMs: number, entropy: Entropy): void {
  if (nowMs > last.readUIntBE(0, TIME_BYTES)) {
    last.writeUIntBE(nowMs, 0, TIME_BYTES);
    entropy(last.subarray(TIME_BYTES));
    // Room for 2^79 more in the same millisecond.
    last[TIME_BYTES] = (last[TIME_BYTES] as number) & 0x7f;
    return;
  }
  for (let at = ID_BYTES - 1; at >= 0; at--) {
    const byte = ((last[at] as number) + 1) & 0xff;
    last[at] = byte;
    if (byte !== 0) return;
  }
}

/** Writes the 26 characters of an id, given as binary string. */
export function writeIdText(id: string, into: Buffer, at: number): void {
  // 130 bits for 128: the first character has only three.
  let bits = 2;
  let value = 0;
  for (let index = 0; index < ID_BYTES; index++) {
    value = (value << 8) | id.charCodeAt(index);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      into[at++] = ALPHABET.charCodeAt((value >> bits) & 31);
    }
    value &= (1 << bits) - 1;
  }
}

export function idToText(id: string): string {
  const text = Buffer.allocUnsafe(26);
  writeIdText(id, text, 0);
  return text.toString('latin1');
}

/** The binary string of an id in text; undefined when it is none. */
export function parseId(text: string): string | undefined {
  if (!ID_TEXT.test(text)) return undefined;
  let value = 0n;
  for (const character of text) value = (value << 5n) | BigInt(ALPHABET.indexOf(character));
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex').toString('latin1');
}
