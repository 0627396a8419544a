import { OapError } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import type { Tally } from '../tally.ts';
import { ask } from './mailbox-client.ts';
import type { SendReply } from './mailbox-client.ts';
import { bodyOf, describe } from './sent-messages.ts';
import type { Sent, SentMessages } from './sent-messages.ts';

/** Sends messages in one run of the node, for the first time or again, and judges the answers. */
export class MailboxSender {
  readonly #client: Client;
  readonly #topic: string;
  readonly #sent: SentMessages;
  readonly #tally: Tally;
  /** Ids of this run are above it (specs/mailbox-1.md §1.4). */
  readonly #idAtStart: string;

  constructor(client: Client, topic: string, sent: SentMessages, tally: Tally) {
    this.#client = client;
    this.#topic = topic;
    this.#sent = sent;
    this.#tally = tally;
    this.#idAtStart = sent.lastId;
  }

  /** @throws OapError of the node, and when there was no answer */
  async send(message: Sent): Promise<void> {
    const { number, key, group, sending } = message;
    const fields = { topic: this.#topic, body: bodyOf(number), key, group, priority: number % 10, delay_ms: number % 9 === 0 ? 60 : 0 };
    if (sending === 'new') message.sending = 'unknown';
    let reply: SendReply;
    try {
      reply = await ask<SendReply>(this.#client, 'SEND', withoutAbsent(fields));
    } catch (error) {
      // When it is not the first time, an earlier one may have been taken.
      if (sending === 'new' && isRefusal(error)) message.sending = 'refused';
      throw error;
    }
    this.#judge(message, reply, sending === 'acknowledged');
  }

  /** Another body under the key of a message must be refused (specs/mailbox-1.md §2, rule 6). */
  async sendOtherBody({ key, number }: Sent): Promise<void> {
    try {
      await ask(this.#client, 'SEND', { topic: this.#topic, key, body: Buffer.from('another body') });
      this.#tally.count('wrong', `another body was taken under the key of message ${number}`);
    } catch (error) {
      if (OapError.from(error).reason !== 'idempotency_conflict') throw error;
    }
  }

  #judge(message: Sent, { id, duplicate, durability }: SendReply, again: boolean): void {
    const tally = this.#tally;
    tally.acknowledged++;
    if (durability !== 'disk') tally.count('wrong', `durability is ${durability}`);
    if (again && !duplicate) tally.count('duplicated', `${describe(message)} was taken again`);
    if (message.id !== undefined && message.id !== id) tally.count('duplicated', `${describe(message)} is ${id} when sent again`);
    message.id ??= id;
    message.sending = 'acknowledged';
    if (!duplicate && id <= this.#idAtStart) tally.count('wrong', `${id} is not above ${this.#idAtStart}, which came before the start`);
    if (id > this.#sent.lastId) this.#sent.lastId = id;
  }
}

/** Whether the node answered that it did not do it; false when the outcome is unknown. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof OapError)) throw error;
  return error.origin === 'remote' && error.reason !== 'internal';
}

/** MessagePack would send an absent field as nil. */
function withoutAbsent(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
