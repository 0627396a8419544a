import { writeIdText } from './ids.ts';

/**
 * MessagePack and raw numbers into one buffer that grows. Replies are written
 * straight into the batch that carries them: bodies are copied once.
 */
export class Writer {
  #buffer: Buffer;
  at = 0;

  constructor(bytes = 65_536) {
    this.#buffer = Buffer.allocUnsafe(bytes);
  }

  /** What was written; valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.at);
  }

  /** What was written, for good. The writer begins anew. */
  take(): Uint8Array {
    const bytes = new Uint8Array(this.at);
    bytes.set(this.bytes);
    this.at = 0;
    return bytes;
  }

  u8(value: number): void {
    this.#need(1);
    this.#buffer[this.at++] = value;
  }

  u16(value: number): void {
    this.#need(2);
    this.#buffer[this.at++] = value >>> 8;
    this.#buffer[this.at++] = value;
  }

  u32(value: number): void {
    this.#need(4);
    const buffer = this.#buffer;
    buffer[this.at++] = value >>> 24;
    buffer[this.at++] = value >>> 16;
    buffer[this.at++] = value >>> 8;
    buffer[this.at++] = value;
  }

  raw(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Short texts: what a loop writes before a call would have begun. */
  latin1(text: string, from = 0): void {
    this.#need(text.length);
    const buffer = this.#buffer;
    let { at } = this;
    for (let index = from; index < text.length; index++) buffer[at++] = text.charCodeAt(index);
    this.at = at;
  }

  /** Leaves room for a number that is set later. */
  skip(bytes: number): number {
    this.#need(bytes);
    const at = this.at;
    this.at += bytes;
    return at;
  }

  setU8(at: number, value: number): void {
    this.#buffer[at] = value;
  }

  setU16(at: number, value: number): void {
    this.#buffer.writeUInt16BE(value, at);
  }

  setU32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  // MessagePack

  /** At most 15 fields. */
  map(fields: number): void {
    this.u8(0x80 | fields);
  }

  /** An array with a length of 2 bytes, which may be set later at the place that is returned. */
  array(items: number): number {
    this.u8(0xdc);
    this.u16(items);
    return this.at - 2;
  }

  /** Text of ASCII only, at most 31 characters: the names of fields. */
  name(text: string): void {
    this.u8(0xa0 | text.length);
    this.latin1(text);
  }

  text(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (bytes < 32) {
      this.u8(0xa0 | bytes);
    } else {
      this.u8(0xda);
      this.u16(bytes);
    }
    this.#need(bytes);
    this.at += this.#buffer.write(text, this.at, 'utf8');
  }

  bin(bytes: Uint8Array): void {
    this.binHead(bytes.length);
    this.raw(bytes);
  }

  /** A binary string as bin. */
  binKey(key: string): void {
    this.binHead(key.length);
    this.latin1(key);
  }

  /** An id, given as binary string, as text. */
  id(id: string): void {
    this.u8(0xa0 | 26);
    this.#need(26);
    writeIdText(id, this.#buffer, this.at);
    this.at += 26;
  }

  bool(value: boolean): void {
    this.u8(value ? 0xc3 : 0xc2);
  }

  nil(): void {
    this.u8(0xc0);
  }

  /** An integer from 0 to 2^53 - 1. */
  uint(value: number): void {
    if (value < 0x80) {
      this.u8(value);
    } else if (value < 0x1_0000_0000) {
      this.u8(0xce);
      this.u32(value);
    } else {
      this.u8(0xcf);
      this.u32(Math.floor(value / 0x1_0000_0000));
      this.u32(value % 0x1_0000_0000);
    }
  }

  /** Opens a bin of so many bytes, which follow. */
  binHead(bytes: number): void {
    if (bytes < 0x100) {
      this.u8(0xc4);
      this.u8(bytes);
    } else if (bytes < 0x1_0000) {
      this.u8(0xc5);
      this.u16(bytes);
    } else {
      this.u8(0xc6);
      this.u32(bytes);
    }
  }

  #need(bytes: number): void {
    if (this.at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.at + bytes));
    this.#buffer.copy(larger, 0, 0, this.at);
    this.#buffer = larger;
  }
}
