import { OapError } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { KEYS_TRIED_AGAIN } from '../bounds.ts';
import type { Load, Workload } from '../node/workload.ts';
import { anyBelow } from '../random-bytes.ts';
import type { Tally } from '../tally.ts';
import { checkMessages } from './mailbox-check.ts';
import { ask } from './mailbox-client.ts';
import type { Stats } from './mailbox-client.ts';
import { MailboxLoad } from './mailbox-load.ts';
import { MailboxSender } from './mailbox-sender.ts';
import { SentMessages } from './sent-messages.ts';
import type { Sent } from './sent-messages.ts';

const TOPIC = 'crash';
const TOPICS = [TOPIC, 'crash/dlq'];
/** Keys outlive every loop, and dead letters come soon. */
const SETTINGS = { dedup_window_ms: 7_200_000, max_deliveries: 3 };

/** A topic with its dead letters, and the oracle that remembers every SEND and ACK. */
export class MailboxWorkload implements Workload {
  readonly #sent = new SentMessages();
  #configured = false;

  async check(client: Client, tally: Tally): Promise<void> {
    await this.#checkSettings(client, tally);
    await checkMessages(client, TOPICS, this.#sent, tally);
    await this.#tryKeysAgain(client, tally);
  }

  async run(client: Client, tally: Tally, load: Load): Promise<void> {
    const sender = new MailboxSender(client, TOPIC, this.#sent, tally);
    await new MailboxLoad(client, sender, TOPICS, this.#sent, tally).run(load);
  }

  async #checkSettings(client: Client, tally: Tally): Promise<void> {
    if (this.#configured) {
      const settings = await settingsOf(client);
      for (const [name, value] of Object.entries(SETTINGS)) {
        if (settings[name] !== value) tally.count('lost', `${name} is ${String(settings[name])} and was set to ${value}`);
      }
    }
    await ask(client, 'CONFIGURE', { topic: TOPIC, ...SETTINGS });
    this.#configured = true;
  }

  /** Rules 2 and 6: sending again with the same key gives the same id, and one message where the outcome was unknown. */
  async #tryKeysAgain(client: Client, tally: Tally): Promise<void> {
    const sender = new MailboxSender(client, TOPIC, this.#sent, tally);
    const unknown: Sent[] = [];
    const acknowledged: Sent[] = [];
    for (const message of this.#sent.all) {
      if (message.key === undefined) continue;
      if (message.sending === 'unknown') unknown.push(message);
      else if (message.sending === 'acknowledged') acknowledged.push(message);
    }
    const sample = Array.from({ length: Math.min(KEYS_TRIED_AGAIN, acknowledged.length) }, () => acknowledged[anyBelow(acknowledged.length)]);
    for (const message of [...unknown, ...sample]) if (message !== undefined) await sender.send(message);
    const [other] = acknowledged;
    if (other !== undefined) await sender.sendOtherBody(other);
  }
}

/** The settings of the topic; empty when there is no topic. */
async function settingsOf(client: Client): Promise<Stats['settings']> {
  try {
    return (await ask<Stats>(client, 'STATS', { topic: TOPIC })).settings;
  } catch (error) {
    if (OapError.from(error).reason !== 'topic_unknown') throw error;
    return {};
  }
}
