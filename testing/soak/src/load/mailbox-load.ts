import type { Client, Mailbox, Message, SendOptions, SendResult, Subscription } from '@omnigate/sdk';
import {
  DEDUP_MS,
  DELAY_MS_MAX,
  DELAY_SHARE,
  DELIVERIES_MAX,
  DOOMED_SHARE,
  GROUP_SHARE,
  GROUPS,
  KEY_SHARE,
  NACK_DELAY_MS_MAX,
  POISON_SHARE,
  PREFETCH,
  TEND_MS,
  VISIBILITY_MS,
} from '../bounds.ts';
import type { Chance } from '../chance.ts';
import { connectTo } from './capabilities.ts';
import { Letters } from './letters.ts';
import type { Letter } from './letters.ts';
import { compareCounts, deadBodies, drained } from './mailbox-count.ts';
import type { Tally } from './tally.ts';
import type { LoadTarget, Workload } from './workload.ts';

const TOPIC = 'soak/work';
const DEAD_TOPIC = `${TOPIC}/dlq`;
const WHAT_IS_WRONG = {
  foreign: 'a message has other bytes than any that was sent',
  doomed: 'a message was delivered after its TTL',
  done: 'a message was there after its end',
};
/** Of the messages with a key, those that are sent a second time at once. */
const REPEAT_SHARE = 0.2;

/**
 * Sends messages and works on them: most are acknowledged, one in ten is given
 * back until it is dead, and dead letters are redriven and purged in turn. What
 * specs/mailbox-1.md §2 promises is checked on each delivery and at the end.
 */
export class MailboxLoad implements Workload {
  readonly #client: Client;
  readonly #chance: Chance;
  readonly #tally: Tally;
  readonly #box: Mailbox;
  readonly #dead: Mailbox;
  readonly #letters = new Letters();
  /** ULID of the newest message of each group that was delivered for the first time. */
  readonly #newest = new Map<string, string>();
  /** Answers to the acknowledgements that are under way. */
  readonly #settling = new Set<Promise<void>>();
  #subscription: Subscription | undefined;
  #reading: Promise<void> = Promise.resolve();
  #tending: Promise<void> = Promise.resolve();
  #tendTimer: NodeJS.Timeout | undefined;
  /** NACKs without an answer. */
  readonly #nacking = new Set<Promise<unknown>>();
  /** Open unless dead letters are being tended. */
  #gate: Promise<void> | undefined;
  #turn = 0;
  #draining = false;

  private constructor(client: Client, chance: Chance, tally: Tally) {
    this.#client = client;
    this.#chance = chance;
    this.#tally = tally;
    this.#box = client.mailbox(TOPIC);
    this.#dead = client.mailbox(DEAD_TOPIC);
  }

  static async open(target: LoadTarget, chance: Chance, tally: Tally): Promise<MailboxLoad> {
    return new MailboxLoad(await connectTo(target), chance, tally);
  }

  async fill(): Promise<void> {
    await this.#box.configure({ maxDeliveries: DELIVERIES_MAX, dlq: DEAD_TOPIC, dedupWindowMs: DEDUP_MS });
    await this.#dead.configure();
    this.#read();
    this.#tendTimer = setInterval(() => {
      this.#tending = this.#tending.then(() => this.#tend(this.#turn++ % 2 === 0 ? 'redrive' : 'purge'));
    }, TEND_MS);
  }

  async step(): Promise<void> {
    const chance = this.#chance;
    if (chance.hits(DOOMED_SHARE)) {
      const body = this.#letters.doomedBody();
      await this.#tally.ask('mailbox', () => this.#box.send(body, { once: true, ttlMs: 1, delayMs: DELAY_MS_MAX }));
      return;
    }
    const letter = this.#letters.write(chance.hits(POISON_SHARE));
    const body = this.#letters.bodyOf(letter.number);
    const options = this.#optionsOf(letter);
    const sent = await this.#send(letter, body, options);
    if (sent === undefined || options.key === undefined || !chance.hits(REPEAT_SHARE)) return;
    const again = await this.#tally.ask('mailbox', () => this.#box.send(body, options));
    if (again.ok && (!again.answer.duplicate || again.answer.id !== sent.id)) this.#tally.wrong('mailbox', `message ${letter.number} was taken twice`);
  }

  async finish(): Promise<void> {
    clearInterval(this.#tendTimer);
    await this.#tending;
    await this.#stopReading();
    // With messages in every state, and again when there are none.
    await this.#compare();
    this.#draining = true;
    this.#read();
    const left = await drained([this.#box, this.#dead], () => this.#tend('redrive'));
    await this.#stopReading();
    if (left > 0) this.#tally.wrong('mailbox', `${left} messages are neither delivered nor gone`);
    await this.#compare();
    const lost = [...this.#letters.live.values()].filter(({ unsure }) => !unsure);
    for (const { number } of lost) this.#tally.wrong('mailbox', `message ${number} is lost`);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #optionsOf({ number, poison }: Letter): SendOptions {
    const chance = this.#chance;
    // A message that is given back would hold up its group.
    if (poison) return { once: true };
    const group = chance.hits(GROUP_SHARE) ? `group-${chance.below(GROUPS)}` : undefined;
    const key = chance.hits(KEY_SHARE) ? `key-${String(number)}` : undefined;
    return { group, delayMs: chance.hits(DELAY_SHARE) ? chance.below(DELAY_MS_MAX) : undefined, ...(key === undefined ? { once: true } : { key }) };
  }

  async #send(letter: Letter, body: Uint8Array, options: SendOptions): Promise<SendResult | undefined> {
    const sent = await this.#tally.ask('mailbox', () => this.#box.send(body, options));
    if (sent.ok) {
      if (sent.answer.durability !== 'disk') this.#tally.wrong('mailbox', `message ${letter.number} is kept in ${sent.answer.durability}`);
      return sent.answer;
    }
    letter.unsure = true;
    return undefined;
  }

  #read(): void {
    const subscription = this.#box.subscribe({ prefetch: PREFETCH, visibilityMs: VISIBILITY_MS });
    this.#subscription = subscription;
    this.#reading = (async () => {
      for await (const message of subscription) this.#take(message);
      if (this.#subscription === subscription) this.#tally.wrong('mailbox', `the subscription ended: ${subscription.lastError?.message ?? 'by itself'}`);
    })().catch((error: unknown) => {
      this.#tally.wrong('mailbox', `the subscription ended: ${String(error)}`);
    });
  }

  async #stopReading(): Promise<void> {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    await subscription?.close();
    await this.#reading;
    await Promise.all(this.#settling);
  }

  /** Looks at a message, and begins to settle it. */
  #take(message: Message): void {
    const letter = this.#letterOf(message.body);
    if (letter === undefined) {
      this.#settle(message.ack());
      return;
    }
    this.#checkOrder(message);
    this.#settle(letter.poison && !this.#draining ? this.#giveBack(letter, message) : this.#acknowledge(letter, message));
  }

  /** The letter of a body; one that should not be there is told of. */
  #letterOf(body: Uint8Array): Letter | undefined {
    const letter = this.#letters.recognise(body);
    if (typeof letter !== 'string') return letter;
    this.#tally.wrong('mailbox', WHAT_IS_WRONG[letter]);
    return undefined;
  }

  #settle(settled: Promise<void>): void {
    const settling = settled.catch(() => undefined).finally(() => {
      this.#settling.delete(settling);
    });
    this.#settling.add(settling);
  }

  /** Rule 7; a message that was delivered before may follow later ones. */
  #checkOrder({ group, deliveries, id }: Message): void {
    if (group === undefined || deliveries > 1) return;
    const newest = this.#newest.get(group) ?? '';
    if (id <= newest) this.#tally.wrong('mailbox', `${id} of ${group} came after ${newest}`);
    this.#newest.set(group, id);
  }

  async #acknowledge(letter: Letter, message: Message): Promise<void> {
    const { ok } = await this.#tally.ask('mailbox', () => message.ack());
    if (ok) this.#letters.live.delete(letter.number);
    // It may have been acknowledged all the same; else it comes again.
    else letter.unsure = true;
  }

  async #giveBack(letter: Letter, message: Message): Promise<void> {
    while (this.#gate !== undefined) await this.#gate;
    const nacking = this.#tally.ask('mailbox', () => message.nack({ delayMs: this.#chance.below(NACK_DELAY_MS_MAX) }));
    this.#nacking.add(nacking);
    const { ok } = await nacking;
    this.#nacking.delete(nacking);
    if (message.deliveries < DELIVERIES_MAX) return;
    if (ok) letter.dead = true;
    else letter.unsure = true;
  }

  /**
   * Redrives dead letters, or purges them. Meanwhile nothing is given back: a
   * letter that dies while they are purged would be gone without our knowing.
   */
  async #tend(how: 'redrive' | 'purge'): Promise<void> {
    let open: (() => void) | undefined;
    this.#gate = new Promise((resolve) => (open = resolve));
    try {
      await Promise.all(this.#nacking);
      const found = await this.#tally.ask('mailbox', () => deadBodies(this.#dead));
      if (!found.ok) return;
      const dead = found.answer.flatMap((body) => this.#letterOf(body) ?? []);
      this.#checkDead(new Set(dead));
      await (how === 'redrive' ? this.#redrive(dead) : this.#purge(dead));
    } finally {
      this.#gate = undefined;
      open?.();
    }
  }

  /** Rule 5: what was given back for the last time is a dead letter. */
  #checkDead(found: ReadonlySet<Letter>): void {
    for (const letter of this.#letters.live.values()) {
      if (!letter.dead || letter.unsure || found.has(letter)) continue;
      this.#tally.wrong('mailbox', `message ${letter.number} is no dead letter after its last delivery`);
      letter.unsure = true;
    }
  }

  /** What comes back is acknowledged from now on. */
  async #redrive(dead: readonly Letter[]): Promise<void> {
    for (const letter of dead) {
      letter.dead = false;
      letter.poison = false;
    }
    const { ok } = await this.#tally.ask('mailbox', () => this.#box.redrive());
    if (!ok) for (const letter of dead) letter.unsure = true;
  }

  async #purge(dead: readonly Letter[]): Promise<void> {
    const purged = await this.#tally.ask('mailbox', () => this.#dead.purge());
    for (const letter of dead) {
      if (purged.ok) this.#letters.live.delete(letter.number);
      else letter.unsure = true;
    }
    // A lease that ran out meanwhile made one more.
    if (purged.ok && purged.answer === dead.length) return;
    for (const letter of this.#letters.live.values()) if (letter.poison) letter.unsure = true;
  }

  async #compare(): Promise<void> {
    const { messages, complaints } = await compareCounts([this.#box, this.#dead]);
    const { scans } = this.#tally.counts;
    scans.made++;
    scans.messages += messages;
    scans.different += complaints.length;
    for (const complaint of complaints) this.#tally.wrong('mailbox', complaint);
  }
}
