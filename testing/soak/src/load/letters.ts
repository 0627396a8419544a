import { randomUUID } from 'node:crypto';
import { MESSAGE_BYTES } from '../bounds.ts';

/** A message that was sent and is not done with. */
export interface Letter {
  readonly number: number;
  /** Given back until it is dead, unless it was brought back from there. */
  poison: boolean;
  /** Whether it was, by what was answered, given back for the last time. */
  dead: boolean;
  /** An answer is missing: it may be there, and it may be gone. */
  unsure: boolean;
}

const NUMBER_AT = 37;
const DOOMED_AT = NUMBER_AT + 8;

/**
 * What a load has sent and is not done with, by number. Its memory is what is
 * under way: numbers that are gone are known by being absent.
 */
export class Letters {
  readonly live = new Map<number, Letter>();
  /** So that messages of another run are not taken for ours. */
  readonly #run = randomUUID();
  #next = 1;

  /** A further letter, which is live from now on. */
  write(poison: boolean): Letter {
    const letter: Letter = { number: this.#next++, poison, dead: false, unsure: false };
    this.live.set(letter.number, letter);
    return letter;
  }

  /** The body of a letter, which says who it is. */
  bodyOf(number: number, doomed = false): Buffer {
    const body = Buffer.alloc(MESSAGE_BYTES, number & 0xff);
    body.write(this.#run, 'latin1');
    body.writeDoubleBE(number, NUMBER_AT);
    body[DOOMED_AT] = doomed ? 1 : 0;
    return body;
  }

  /** The body of a letter that nobody may ever get; it is not live. */
  doomedBody(): Buffer {
    return this.bodyOf(this.#next++, true);
  }

  /** The letter of a body: `foreign` when its bytes are not ours, `doomed`, or `done` when it is live no more. */
  recognise(body: Uint8Array): Letter | 'foreign' | 'doomed' | 'done' {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (bytes.length !== MESSAGE_BYTES) return 'foreign';
    const number = bytes.readDoubleBE(NUMBER_AT);
    const doomed = bytes[DOOMED_AT] === 1;
    if (!bytes.equals(this.bodyOf(number, doomed))) return 'foreign';
    return doomed ? 'doomed' : (this.live.get(number) ?? 'done');
  }
}
