import { encode } from '@msgpack/msgpack';
import { OapError, Reject } from '@omnigate/kernel/wire';
import type { Unsubscribe } from '../hooks.ts';
import { RECONNECT_PAUSE_MS, RECONNECT_PAUSE_MS_MAX } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { ReplyChunks } from '../reply-chunks.ts';
import { fullJitterMs } from '../retry.ts';
import { Feed } from './feed.ts';
import type { FeedReader } from './feed.ts';
import { Lease } from './lease.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { MailboxHost } from './mailbox-link.ts';
import { Message } from './message.ts';
import type { SubscribeTerms } from './receive-options.ts';
import type { Settlements } from './settlements.ts';
import type { DeliveredMessage } from './stored-message.ts';

/**
 * Where a subscription stands: `opening` until the node answered, `open`,
 * `waiting` before it is opened again, and `closed` for good.
 */
export type SubscriptionState = 'opening' | 'open' | 'waiting' | 'closed';

interface Waiting {
  readonly message: Message;
  readonly lease: Lease | undefined;
  readonly costBytes: number;
  readonly feed: Feed;
}

/** What a subscription is made of. */
export interface SubscriptionParts {
  readonly host: MailboxHost;
  readonly topic: string;
  readonly callTerms: CallTerms;
  readonly terms: SubscribeTerms;
  readonly settlements: Settlements;
}

/** Errors that another attempt may not have, beside those that are retryable. */
const PASSING: ReadonlySet<string> = new Set(['internal', 'connection_lost', 'slow_reader']);

/**
 * Messages of one topic as they come, until it is closed. After a lost
 * connection, a restart of the node or a GOAWAY it is opened again by itself and
 * goes on; messages that were not acknowledged by then may come again.
 *
 * ```ts
 * for await (const message of mailbox.subscribe()) {
 *   await work(message);
 *   await message.ack();
 * }
 * ```
 *
 * Leaving the loop closes it: what was not acknowledged is ready for others at once.
 */
export class Subscription implements AsyncIterable<Message>, AsyncDisposable, FeedReader {
  readonly topic: string;
  /** Why it waits, or was closed; undefined while all is well. */
  lastError: OapError | undefined;

  readonly #parts: SubscriptionParts;
  readonly #request: Uint8Array;
  readonly #keeper: LeaseKeeper;
  readonly #listeners = new Set<(state: SubscriptionState, error: OapError | undefined) => void>();
  readonly #stopListening: Unsubscribe;
  readonly #messages = new ReplyChunks<Waiting>();
  #feed: Feed | undefined;
  #state: SubscriptionState = 'opening';
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #onReady: (() => void) | undefined;

  constructor(parts: SubscriptionParts) {
    const { host, topic, callTerms, terms } = parts;
    this.topic = topic;
    this.#parts = { ...parts, callTerms: { ...callTerms, deadlineMs: Number.POSITIVE_INFINITY } };
    this.#request = encode({
      topic,
      prefetch: terms.prefetch,
      visibility_ms: terms.visibilityMs,
      ...(terms.autoAck ? { ack: 'auto' } : {}),
    });
    this.#keeper = new LeaseKeeper(terms);
    this.#stopListening = host.onGoAway(() => {
      this.#move();
    });
    this.#open();
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** Calls `listener` whenever the state changes, with the error that caused it where one did. */
  onState(listener: (state: SubscriptionState, error: OapError | undefined) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Calls `onReady` when messages came or the state changed for good: for one reader, which takes instead of iterating. */
  listen(onReady: () => void): void {
    this.#onReady = onReady;
  }

  /** The next message; undefined when there is none now. */
  take(): Message | undefined {
    for (let waiting = this.#messages.take(); waiting !== undefined; waiting = this.#messages.take()) {
      const message = this.#taken(waiting);
      if (!message.lost) return message;
    }
    return undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined> {
    return {
      next: () => {
        const value = this.take();
        return value === undefined ? this.#next() : Promise.resolve({ done: false, value });
      },
      return: async () => {
        await this.close();
        return { done: true, value: undefined };
      },
    };
  }

  /**
   * Ends the subscription: acknowledgements made so far are sent first, then all
   * leases go back. Resolves when those acknowledgements were answered; calling
   * it again is harmless.
   */
  async close(): Promise<void> {
    const { settlements } = this.#parts;
    settlements.flush();
    const { unsent } = this.#keeper;
    if (unsent.length > 0) {
      await Promise.all(unsent.map((lease) => lease.sendable()));
      settlements.flush();
    }
    this.#close(undefined);
    await settlements.idle();
  }

  /** As `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // FeedReader

  get idle(): boolean {
    return this.#messages.length === 0;
  }

  opened(feed: Feed): void {
    if (feed !== this.#feed) return;
    this.#failures = 0;
    this.lastError = undefined;
    this.#become('open');
  }

  delivered(feed: Feed, messages: readonly DeliveredMessage[], costBytes: number): void {
    if (feed !== this.#feed) return;
    const { settlements, terms } = this.#parts;
    for (const { stored, receipt } of messages) {
      const lease = receipt === undefined ? undefined : new Lease(settlements, stored.id, receipt, terms.visibilityMs);
      if (lease !== undefined) this.#keeper.add(lease);
      this.#messages.push({ message: new Message(stored, lease), lease, costBytes, feed });
    }
    this.#onReady?.();
  }

  ended(feed: Feed, error: OapError): void {
    if (feed !== this.#feed) return;
    this.#feed = undefined;
    this.#dropWaiting(this.#parts.terms.prefetch);
    const comesBack = feed.stood ? error.reason !== Reject.client_closed.reason : error.retryable || PASSING.has(error.reason);
    if (!comesBack || error.reason === Reject.bad_response.reason) {
      this.#close(error);
      return;
    }
    this.lastError = error;
    this.#parts.host.logger.warn({ topic: this.topic, reason: error.reason, corr_id: error.corrId }, 'a subscription is opened again');
    // At once after one that was of use; a connection that is lost is dialled with pauses of its own.
    const pauseMs = feed.stood ? 0 : (error.retryAfterMs ?? fullJitterMs(this.#failures++, RECONNECT_PAUSE_MS, RECONNECT_PAUSE_MS_MAX));
    this.#become('waiting', error);
    this.#again(pauseMs);
  }

  #again(pauseMs: number): void {
    if (this.#state === 'closed') return;
    this.#timer = setTimeout(() => {
      this.#keeper.resume();
      this.#parts.settlements.flush();
      this.#open();
    }, pauseMs);
  }

  #open(): void {
    const { host, callTerms } = this.#parts;
    this.#become('opening');
    this.#feed = new Feed(host.owner, this.#request, callTerms, this);
    host.owner.begin(this.#feed);
  }

  /** The next message, when it comes. */
  async #next(): Promise<IteratorResult<Message, undefined>> {
    for (;;) {
      const result = await this.#messages.next();
      if (result.done === true) return result;
      const value = this.#taken(result.value);
      // One that waited for too long is somebody else's by now.
      if (!value.lost) return { done: false, value };
    }
  }

  /** The node shuts down: the next connection has to carry this. */
  #move(): void {
    const feed = this.#feed;
    if (feed?.stood !== true) return;
    this.#parts.settlements.flush();
    this.#parts.host.owner.abandon(feed, new OapError(Reject.draining, { message: 'The node shuts down.' }));
  }

  #taken({ message, costBytes, feed }: Waiting): Message {
    feed.release(costBytes, false);
    // Those of an earlier feed may have been before its own.
    if (this.idle) this.#feed?.release(0, true);
    return message;
  }

  /** Lets go of what nobody took yet, but for so many: their leases are asked back, and what is dropped comes again. */
  #dropWaiting(keep: number): void {
    for (let kept = this.#messages.length; kept > keep; kept--) {
      this.#messages.take()?.lease?.lose('the node ended it with the subscription');
    }
  }

  #close(error: OapError | undefined): void {
    if (this.#state === 'closed') return;
    const feed = this.#feed;
    this.#feed = undefined;
    clearTimeout(this.#timer);
    this.#stopListening();
    this.#dropWaiting(0);
    this.#messages.end(error);
    this.lastError = error;
    this.#become('closed', error);
    if (feed !== undefined) this.#parts.host.owner.abandon(feed, feed.cancelled(undefined));
    this.#keeper.release(error === undefined ? 'the subscription was closed' : 'the subscription ended');
    this.#onReady?.();
  }

  #become(state: SubscriptionState, error?: OapError): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#listeners) {
      try {
        listener(state, error);
      } catch (thrown) {
        this.#parts.host.logger.error({ err: thrown, topic: this.topic }, 'a listener of a subscription failed');
      }
    }
  }
}
