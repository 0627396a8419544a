import { setTimeout as sleep } from 'node:timers/promises';
import { OapError } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { MESSAGES_LIVE_MAX, RECEIVERS, SENDERS } from '../bounds.ts';
import type { Load } from '../node/workload.ts';
import { anyBelow } from '../random-bytes.ts';
import type { Tally } from '../tally.ts';
import { ask } from './mailbox-client.ts';
import type { Message } from './mailbox-client.ts';
import type { MailboxSender } from './mailbox-sender.ts';
import { describe } from './sent-messages.ts';
import type { Sent, SentMessages } from './sent-messages.ts';

/** Leases of receivers that say nothing of their own, milliseconds: some run out during a round, some last beyond the crash. */
const VISIBILITIES_MS = [40, 400, 4_000];

/** Sends, receives, acknowledges, gives back, deletes and forgets messages until the node is gone. */
export class MailboxLoad {
  readonly #client: Client;
  readonly #sender: MailboxSender;
  readonly #topics: readonly string[];
  readonly #sent: SentMessages;
  readonly #tally: Tally;

  /** @param topics the topic, and then its dead letters */
  constructor(client: Client, sender: MailboxSender, topics: readonly string[], sent: SentMessages, tally: Tally) {
    this.#client = client;
    this.#sender = sender;
    this.#topics = topics;
    this.#sent = sent;
    this.#tally = tally;
  }

  async run(load: Load): Promise<void> {
    const senders = Array.from({ length: SENDERS }, () => this.#loop(load, () => this.#sendNext(load)));
    const receivers = Array.from({ length: RECEIVERS }, () => this.#loop(load, () => this.#receive()));
    await Promise.all([...senders, ...receivers]);
  }

  /**
   * Repeats a step until the node is gone; nothing that the node says ends it, nor
   * that a mailbox had to start again: senders wait for receivers when much is under way.
   */
  async #loop(load: Load, step: () => Promise<void>): Promise<void> {
    while (load.goesOn) {
      try {
        await step();
      } catch (error) {
        if (!(error instanceof OapError)) throw error;
        if (error.origin !== 'remote') return;
        await sleep(5);
      }
    }
  }

  async #sendNext(load: Load): Promise<void> {
    if (this.#sent.live > MESSAGES_LIVE_MAX) {
      await sleep(5);
      return;
    }
    await this.#sender.send(this.#sent.add());
    load.acknowledged();
  }

  async #receive(): Promise<void> {
    const topic = this.#topics[anyBelow(8) === 0 ? 1 : 0] ?? '';
    const fields = { topic, max: 1 + anyBelow(32), visibility_ms: VISIBILITIES_MS[anyBelow(VISIBILITIES_MS.length)], wait_ms: 20 };
    const { messages } = await ask<{ messages: Message[] }>(this.#client, 'RECV', fields);
    const finished: [Sent, Message][] = [];
    const returned: Message[] = [];
    for (const message of messages) {
      const sent = this.#sent.recognise(message, this.#tally);
      if (sent === undefined) continue;
      if (sent.done === 'yes') this.#tally.count('duplicated', `${describe(sent)} came after its ACK`);
      const total = message.deliveries + (message.dead?.deliveries ?? 0);
      if (total <= sent.deliveries) this.#tally.count('wrong', `${describe(sent)}: delivery ${total} after ${sent.deliveries}`);
      sent.deliveries = total;
      const choice = anyBelow(10);
      if (choice < 8) finished.push([sent, message]);
      else if (choice < 9) returned.push(message);
    }
    await this.#finish(topic, finished);
    if (returned.length > 0) await ask(this.#client, 'NACK', { topic, receipts: returned.map(({ receipt }) => receipt), delay_ms: anyBelow(100) });
  }

  /** Acknowledges what was received; what is done with must not come again. */
  async #finish(topic: string, messages: readonly (readonly [Sent, Message])[]): Promise<void> {
    if (messages.length === 0) return;
    for (const [sent] of messages) {
      sent.asked++;
      if (sent.done === 'no') sent.done = 'unknown';
    }
    const { outcomes } = await ask<{ outcomes: string[] }>(this.#client, 'ACK', { topic, receipts: messages.map(([, { receipt }]) => receipt) });
    messages.forEach(([sent], index) => {
      sent.asked--;
      if (outcomes[index] === 'ok') {
        sent.done = 'yes';
        this.#tally.acknowledged++;
      } else if (sent.done === 'unknown' && sent.asked === 0) sent.done = 'no';
    });
  }
}
