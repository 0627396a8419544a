import { isUtf8 } from 'node:buffer';
import { badField } from './fields.ts';

/** The fields of requests that name topics, each with a bit of its own. */
const TOPIC_FIELDS: ReadonlyMap<string, number> = new Map([['topic', 1], ['from', 2], ['to', 4], ['dlq', 8]]);
const LONGEST_FIELD = 5;

/** A field that names a topic, and what it says. */
export interface NamedTopic {
  readonly field: string;
  readonly topic: string;
}

/**
 * The topics that a request names, found without decoding it. A field that is
 * there twice is refused, whatever its values: one of them would be judged, and
 * the other, which may be nil, be obeyed.
 *
 * @throws OapError bad_payload when the bytes are not one MessagePack map, or name a field twice
 */
export function scanTopics(payload: Uint8Array): NamedTopic[] {
  const scanner = new Scanner(payload);
  const topics: NamedTopic[] = [];
  let seen = 0;
  for (let fields = scanner.mapHead(); fields > 0; fields--) {
    const name = scanner.text(LONGEST_FIELD);
    const bit = name === undefined ? undefined : TOPIC_FIELDS.get(name);
    if (name === undefined || bit === undefined) {
      scanner.skip();
      continue;
    }
    if ((seen & bit) !== 0) throw badField(name, 'there once');
    seen |= bit;
    const topic = scanner.text(Number.POSITIVE_INFINITY);
    // What is no text is no topic either; the broker says so.
    if (topic !== undefined) topics.push({ field: name, topic });
  }
  if (!scanner.atEnd) throw malformed();
  return topics;
}

function malformed(): Error {
  return badField('', 'one MessagePack map');
}

/** Walks over the heads of MessagePack values; throws where there are no more bytes. */
class Scanner {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Fields of the map that comes next. */
  mapHead(): number {
    const head = this.#number(1);
    if (head >= 0x80 && head < 0x90) return head & 0x0f;
    if (head === 0xde) return this.#number(2);
    if (head === 0xdf) return this.#number(4);
    throw malformed();
  }

  /** Goes behind the next value; its text where it is one of at most so many bytes. */
  text(bytesMax: number): string | undefined {
    const start = this.#at;
    const head = this.#number(1);
    let length: number;
    if (head >= 0xa0 && head < 0xc0) {
      length = head & 0x1f;
    } else if (head >= 0xd9 && head <= 0xdb) {
      length = this.#number(1 << (head - 0xd9));
    } else {
      this.#at = start;
      this.skip();
      return undefined;
    }
    const from = this.#at;
    this.#advance(length);
    if (length > bytesMax) return undefined;
    const text = this.#bytes.subarray(from, this.#at);
    if (!isUtf8(text)) throw malformed();
    return Buffer.from(text.buffer, text.byteOffset, length).toString();
  }

  /** Goes behind the next value, whatever it is. */
  skip(): void {
    for (let values = 1; values > 0; values--) {
      // Each value has at least one byte.
      if (values > this.#bytes.length - this.#at) throw malformed();
      const head = this.#number(1);
      if (head < 0x80 || head >= 0xe0) continue;
      if (head < 0x90) values += (head & 0x0f) * 2;
      else if (head < 0xa0) values += head & 0x0f;
      else if (head < 0xc0) this.#advance(head & 0x1f);
      else if (head === 0xc1) throw malformed();
      else if (head < 0xc4) continue;
      else if (head < 0xc7) this.#advance(this.#number(1 << (head - 0xc4)));
      else if (head < 0xca) this.#advance(this.#number(1 << (head - 0xc7)) + 1);
      else if (head < 0xcc) this.#advance(4 << (head - 0xca));
      else if (head < 0xd4) this.#advance(1 << (head & 3));
      else if (head < 0xd9) this.#advance(1 + (1 << (head - 0xd4)));
      else if (head < 0xdc) this.#advance(this.#number(1 << (head - 0xd9)));
      else values += this.#number(head % 2 === 0 ? 2 : 4) * (head < 0xde ? 1 : 2);
    }
  }

  #number(width: number): number {
    const end = this.#at + width;
    if (end > this.#bytes.length) throw malformed();
    let value = 0;
    for (; this.#at < end; this.#at++) value = value * 256 + (this.#bytes[this.#at] as number);
    return value;
  }

  #advance(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#bytes.length) throw malformed();
  }
}
