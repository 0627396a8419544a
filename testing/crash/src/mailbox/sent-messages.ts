import { bytesOf } from '../random-bytes.ts';
import type { Tally } from '../tally.ts';
import type { Message } from './mailbox-client.ts';

/** Sizes of bodies, bytes: a number needs four; one is larger than a page of a disk, one than many. */
const SIZES = [4, 64, 256, 300, 1_024, 5_000, 40_000];

/** A message as the oracle knows it. */
export interface Sent {
  readonly number: number;
  readonly key: string | undefined;
  readonly group: string | undefined;
  id: string | undefined;
  /** What is known of its SEND: unknown while there was no answer. */
  sending: 'new' | 'unknown' | 'acknowledged' | 'refused';
  /** Whether an ACK or DELETE was answered ok; unknown when there was no answer. */
  done: 'no' | 'unknown' | 'yes';
  /** ACKs without an answer; two receivers may have one under way when a lease ran out. */
  asked: number;
  /** Deliveries that were seen. */
  deliveries: number;
}

/** Every message that was ever sent, by its number, which its body begins with. */
export class SentMessages {
  readonly #sent = new Map<number, Sent>();
  /** Highest id that was acknowledged. */
  lastId = '';

  get all(): Iterable<Sent> {
    return this.#sent.values();
  }

  /** Messages that may be there. */
  get live(): number {
    let live = 0;
    for (const { sending, done } of this.#sent.values()) if (sending !== 'refused' && done !== 'yes') live++;
    return live;
  }

  add(): Sent {
    const number = this.#sent.size + 1;
    const sent: Sent = {
      number,
      key: number % 2 === 0 ? `key-${number}` : undefined,
      group: number % 5 === 0 ? `group-${number % 4}` : undefined,
      id: undefined,
      sending: 'new',
      done: 'no',
      asked: 0,
      deliveries: 0,
    };
    this.#sent.set(number, sent);
    return sent;
  }

  /** What a message stands for; undefined, and counted, when nobody sent it so. */
  recognise(message: Message, tally: Tally): Sent | undefined {
    const { id, key, group } = message;
    const body = Buffer.from(message.body);
    const sent = body.length < 4 ? undefined : this.#sent.get(body.readUInt32LE(0));
    if (sent === undefined || !body.equals(bodyOf(sent.number)) || key !== sent.key || group !== sent.group) {
      tally.count('wrong', `${id} is not what was sent`);
      return undefined;
    }
    if (sent.sending === 'refused') tally.count('wrong', `${describe(sent)} was refused and is there`);
    if (sent.id !== undefined && sent.id !== id) tally.count('duplicated', `${describe(sent)} is there as ${id} too`);
    sent.id ??= id;
    return sent;
  }
}

/** The body of a message. */
export function bodyOf(number: number): Buffer {
  return bytesOf(number, SIZES[number % SIZES.length] ?? 4);
}

/** For notes. */
export function describe({ number, id = 'of unknown id' }: Sent): string {
  return `message ${number} (${id})`;
}
