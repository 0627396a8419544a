import type { CallTerms } from '../options.ts';
import { readCount } from '../options.ts';
import { readCallTerms } from '../call-options.ts';
import type { CallOptions } from '../call-options.ts';
import { readList } from '../fields.ts';
import { Lease } from './lease.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { MailboxLink } from './mailbox-link.ts';
import { Message } from './message.ts';
import { MessageWorker } from './message-worker.ts';
import { MailboxOp } from './operations.ts';
import { readSubscribeOptions, readVisibility } from './receive-options.ts';
import type { HandlerOptions, MessageHandler, ReceiveOptions, SubscribeOptions } from './receive-options.ts';
import type { SendOptions, SendResult } from './send.ts';
import { readSettings, settingsRequest } from './settings.ts';
import type { TopicSettings, TopicStats } from './settings.ts';
import { Sends } from './sends.ts';
import { Settlements } from './settlements.ts';
import { readDeliveredMessage } from './stored-message.ts';
import { Subscription } from './subscription.ts';
import { deleteMessage, peek, purge, redrive, stats } from './tending.ts';
import type { DeleteOutcome, MessageState, PeekPage, RedriveResult } from './tending.ts';

/** What `peek()` looks for. */
export interface PeekOptions extends CallOptions {
  /** `ready` when absent. */
  readonly state?: MessageState | undefined;
  /** `next` of the page before. */
  readonly after?: Uint8Array | undefined;
  /** Messages of this page, 1 to 256; 16. */
  readonly limit?: number | undefined;
}

/** What `purge()` removes. */
export interface PurgeOptions extends CallOptions {
  /** `all` when absent; `ready` includes those blocked. */
  readonly state?: Exclude<MessageState, 'blocked'> | 'all' | undefined;
  /** Messages at most; all when absent. */
  readonly max?: number | undefined;
  /** Hears after each request how many are gone so far. */
  readonly onProgress?: ((purged: number) => void) | undefined;
}

/** What `redrive()` moves. */
export interface RedriveOptions extends CallOptions {
  /** Topic of the dead letters; this topic's name followed by `/dlq`. */
  readonly from?: string | undefined;
  /** Topic that they came from; this one. */
  readonly source?: string | undefined;
  /** `expired` or `nacked`; both when absent. */
  readonly reason?: 'expired' | 'nacked' | undefined;
  /** One message only. */
  readonly id?: string | undefined;
  /** Messages at most; all when absent. */
  readonly max?: number | undefined;
  /** Hears after each request how many were moved so far. */
  readonly onProgress?: ((moved: number) => void) | undefined;
}

/**
 * One topic of the mailbox (specs/mailbox-1.md): durable messages, each
 * delivered at least once. It holds no connection of its own; make as many as
 * you like. Everything it throws is an OapError.
 */
export class Mailbox {
  readonly topic: string;
  readonly #link: MailboxLink;
  readonly #terms: CallTerms;
  readonly #sends: Sends;
  readonly #settlements: Settlements;
  /** Watches over the leases of messages that were received one by one. */
  readonly #keeper = new LeaseKeeper({ visibilityMs: 0, extendMsMax: 0 });

  /** Made by `client.mailbox()`. */
  constructor(link: MailboxLink, topic: string, terms: CallTerms) {
    this.topic = topic;
    this.#link = link;
    this.#terms = terms;
    this.#sends = new Sends(link, topic, terms);
    this.#settlements = new Settlements(link, topic, terms);
  }

  /**
   * Sends a message; resolves when the node has it on disk, or whatever
   * `durability` says. Those of one turn of the event loop travel together, so
   * await them together. With a key it is repeated while its outcome is unknown.
   *
   * @param body text is sent as UTF-8
   * @throws OapError connection_lost or internal without a key: whether it was sent is unknown; body_too_large,
   *   mailbox_quota, disk_full, mailbox_busy, idempotency_conflict, topic_unknown, bad_payload
   */
  send(body: string | Uint8Array, options?: SendOptions): Promise<SendResult> {
    return this.#sends.send(body, options);
  }

  /**
   * Takes up to `max` messages, each with a lease of its own; empty when there
   * was none in time. Its deadline begins when `waitMs` is over.
   */
  async receive(options: ReceiveOptions = {}): Promise<Message[]> {
    const { max, waitMs = 0, ack, signal } = options;
    const visibilityMs = readVisibility(options.visibilityMs);
    const request = {
      topic: this.topic,
      visibility_ms: visibilityMs,
      wait_ms: waitMs,
      ...(max === undefined ? {} : { max }),
      ...(ack === undefined ? {} : { ack }),
    };
    const terms = { ...this.#terms, signal, deadlineMs: this.#terms.deadlineMs + waitMs };
    // What a lost reply held is delivered again when its lease ends, so asking again harms nobody.
    const { fields } = await this.#link.call(MailboxOp.RECV, request, terms, true);
    return readList(fields, 'messages').map((value) => {
      const { stored, receipt } = readDeliveredMessage(value);
      if (receipt === undefined) return new Message(stored, undefined);
      const lease = new Lease(this.#settlements, stored.id, receipt, visibilityMs);
      this.#keeper.add(lease);
      return new Message(stored, lease);
    });
  }

  /** Messages as they come, to be iterated over; see {@link Subscription}. */
  subscribe(options?: SubscribeOptions): Subscription;
  /**
   * Calls `handler` for each message: returning acknowledges, throwing gives it
   * back. Its `signal` is aborted when the lease is lost.
   */
  subscribe(handler: MessageHandler, options?: HandlerOptions): MessageWorker;
  subscribe(first: SubscribeOptions | MessageHandler = {}, second: HandlerOptions = {}): Subscription | MessageWorker {
    const options = typeof first === 'function' ? second : first;
    const terms = readSubscribeOptions(options);
    const { host } = this.#link;
    const subscription = new Subscription({ host, topic: this.topic, callTerms: this.#terms, terms, settlements: this.#settlements });
    const subscribed = typeof first === 'function' ? new MessageWorker(subscription, first, second, terms, host.logger) : subscription;
    if (options.signal !== undefined) closeOnAbort(subscribed, options.signal);
    return subscribed;
  }

  /** Looks at messages without changing anything. */
  peek(options: PeekOptions = {}): Promise<PeekPage> {
    const { state, after, limit } = options;
    const request = {
      topic: this.topic,
      ...(state === undefined ? {} : { state }),
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
    };
    return peek(this.#link, request, readCallTerms(options, this.#terms));
  }

  /** Counts, totals and settings of the topic. */
  stats(options: CallOptions = {}): Promise<TopicStats> {
    return stats(this.#link, this.topic, readCallTerms(options, this.#terms));
  }

  /** Deletes one message; a `pending` one goes when its lease or delay ends. */
  delete(id: string, options: CallOptions = {}): Promise<DeleteOutcome> {
    return deleteMessage(this.#link, this.topic, id, readCallTerms(options, this.#terms));
  }

  /** Removes messages for good; resolves with their number. The deadline is that of each request. */
  purge(options: PurgeOptions = {}): Promise<number> {
    const { state = 'all', onProgress } = options;
    const request = { topic: this.topic, state, max: readMax(options.max), onProgress };
    return purge(this.#link, request, readCallTerms(options, this.#terms));
  }

  /**
   * Moves dead letters back into this topic, each as a whole, without its count
   * of deliveries. The deadline is that of each request.
   */
  redrive(options: RedriveOptions = {}): Promise<RedriveResult> {
    const { from = `${this.topic}/dlq`, source = this.topic, reason, id, onProgress } = options;
    const filter = { source, ...(reason === undefined ? {} : { reason }), ...(id === undefined ? {} : { id }) };
    const request = { from, to: this.topic, max: readMax(options.max), filter, onProgress };
    return redrive(this.#link, request, readCallTerms(options, this.#terms));
  }

  /** Changes the settings that are given, makes the topic when there is none, and resolves with all settings. */
  async configure(settings: Partial<TopicSettings> = {}, options: CallOptions = {}): Promise<TopicSettings> {
    const request = { topic: this.topic, ...settingsRequest(settings) };
    const { fields } = await this.#link.call(MailboxOp.CONFIGURE, request, readCallTerms(options, this.#terms), true);
    return readSettings(fields);
  }
}

function readMax(max: number | undefined): number {
  return max === undefined ? Number.MAX_SAFE_INTEGER : readCount(max, 'max', 1, Number.MAX_SAFE_INTEGER);
}

function closeOnAbort(subscribed: Subscription | MessageWorker, signal: AbortSignal): void {
  const onAbort = (): void => {
    void subscribed.close();
  };
  if (signal.aborted) {
    onAbort();
    return;
  }
  signal.addEventListener('abort', onAbort);
  subscribed.onState((state) => {
    if (state === 'closed') signal.removeEventListener('abort', onAbort);
  });
}
