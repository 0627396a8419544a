import { encode } from '@msgpack/msgpack';
import type { OutgoingMessage } from './send.ts';

const FIRST_BYTES = 8_192;
/** A map that follows is a fixmap: a message has fewer than 15 fields, and one more when it goes alone. */
const FIXMAP = 0x80;

/** The payload of a SEND of many messages, written as they come. */
export class SendWriter {
  /** Bytes written so far, from the head on. */
  bytes = 0;
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  readonly #lengthAt: number;

  constructor(topic: string) {
    const head = headOf(topic, 2);
    const name = Buffer.from('\xa8messages\xdc\0\0', 'latin1');
    this.#reserve(head.length + name.length);
    this.#buffer.set(head);
    this.#buffer.set(name, head.length);
    this.bytes = head.length + name.length;
    this.#lengthAt = this.bytes - 2;
  }

  /** The payload of a SEND of one message, given as map. */
  static alone(topic: string, message: Uint8Array): Uint8Array {
    return Buffer.concat([headOf(topic, ((message[0] as number) & 0x0f) + 1), message.subarray(1)]);
  }

  add(message: OutgoingMessage): void {
    this.#reserve(message.bytes);
    this.bytes = message.write(this.#buffer, this.bytes);
  }

  /** The map of a message, from its place to that of the next one. */
  message(start: number, end: number): Uint8Array {
    return this.#buffer.subarray(start, end);
  }

  /** The whole payload; nothing is added afterwards. */
  take(messages: number): Uint8Array {
    this.#buffer.writeUInt16BE(messages, this.#lengthAt);
    return this.#buffer.subarray(0, this.bytes);
  }

  #reserve(bytes: number): void {
    const needed = this.bytes + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, needed));
    this.#buffer.copy(larger, 0, 0, this.bytes);
    this.#buffer = larger;
  }
}

/** A map of so many fields, up to the end of the first one, which is the topic. */
function headOf(topic: string, fields: number): Buffer {
  return Buffer.concat([Buffer.of(FIXMAP | fields), encode('topic'), encode(topic)]);
}
