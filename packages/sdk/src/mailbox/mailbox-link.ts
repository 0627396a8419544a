import { setTimeout as sleep } from 'node:timers/promises';
import { decodeMap, OapError } from '@omnigate/kernel/wire';
import { encode } from '@msgpack/msgpack';
import { Call } from '../call.ts';
import type { ExchangeOwner } from '../exchange.ts';
import type { Unsubscribe } from '../hooks.ts';
import { MAILBOX_ATTEMPTS_MAX, RETRY_PAUSE_MS, RETRY_PAUSE_MS_MAX } from '../limits.ts';
import type { ClientLogger } from '../logger.ts';
import type { CallTerms } from '../options.ts';
import { fullJitterMs } from '../retry.ts';
import { monotonicMs } from '../sweep.ts';
import { badField } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { APP_MAILBOX } from './operations.ts';

/** What a mailbox needs of its client. */
export interface MailboxHost {
  readonly owner: ExchangeOwner;
  readonly logger: ClientLogger;
  onGoAway(listener: () => void): Unsubscribe;
}

/** A reply, and whether an earlier attempt may have done the same before. */
export interface Answer {
  readonly fields: Fields;
  readonly repeated: boolean;
}

/** Errors after which nobody knows whether the request was carried out (specs/mailbox-1.md §2). */
const UNKNOWN: ReadonlySet<string> = new Set(['connection_lost', 'internal']);

/** Sends requests to the mailbox of one node. */
export class MailboxLink {
  readonly host: MailboxHost;
  /** Sends off what mailboxes hold back until their turn ends. */
  readonly #unsent = new Set<() => void>();

  constructor(host: MailboxHost) {
    this.host = host;
  }

  /** Something waits for the end of the turn; `flush` sends it off. */
  holdBack(flush: () => void): void {
    this.#unsent.add(flush);
  }

  /** It was sent. */
  release(flush: () => void): void {
    this.#unsent.delete(flush);
  }

  /** Sends off all that waits for the end of the turn: the client closes. */
  flush(): void {
    for (const flush of this.#unsent) flush();
  }

  /**
   * Sends one request and waits for its reply. One that is safe to repeat is
   * repeated while its outcome is unknown, within its deadline; any is while the
   * mailbox is not running.
   *
   * @throws OapError
   */
  call(op: number, request: Fields, terms: CallTerms, repeatable: boolean): Promise<Answer> {
    return this.callEncoded(op, encode(request), terms, repeatable);
  }

  /** As `call()`, with the MessagePack of the request. */
  async callEncoded(op: number, payload: Uint8Array, terms: CallTerms, repeatable: boolean): Promise<Answer> {
    const endsAt = monotonicMs() + terms.deadlineMs;
    let repeated = false;
    for (let attempt = 1; ; attempt++) {
      try {
        const left = attempt === 1 ? terms : { ...terms, deadlineMs: Math.max(1, endsAt - monotonicMs()) };
        return { fields: await this.#once(op, payload, left), repeated };
      } catch (thrown) {
        const error = OapError.from(thrown);
        const unknown = UNKNOWN.has(error.reason);
        const pauseMs = error.retryAfterMs ?? fullJitterMs(attempt - 1, RETRY_PAUSE_MS, RETRY_PAUSE_MS_MAX);
        const mayRepeat = terms.retry && (unknown ? repeatable : error.reason === 'service_unavailable');
        if (!mayRepeat || attempt >= MAILBOX_ATTEMPTS_MAX || monotonicMs() + pauseMs >= endsAt) throw error;
        repeated ||= unknown;
        await sleep(pauseMs);
      }
    }
  }

  #once(op: number, payload: Uint8Array, terms: CallTerms): Promise<Fields> {
    const { owner } = this.host;
    return new Promise((resolve, reject) => {
      const onReply = (reply: { readonly payload: Uint8Array }): void => {
        const fields = decodeMap(reply.payload);
        if (fields === undefined) reject(badField(''));
        else resolve(fields);
      };
      owner.begin(new Call(owner, APP_MAILBOX, op, payload, terms, onReply, reject));
    });
  }
}
