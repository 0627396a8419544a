import { Reject } from '@omnigate/kernel/wire';
import type { OapError } from '@omnigate/kernel/wire';
import type { Unsubscribe } from '../hooks.ts';
import { MAILBOX_CLOSE_MS } from '../limits.ts';
import type { ClientLogger } from '../logger.ts';
import type { Message } from './message.ts';
import type { HandlerOptions, MessageHandler, SubscribeTerms } from './receive-options.ts';
import type { Subscription, SubscriptionState } from './subscription.ts';

/**
 * A subscription whose messages a handler works on, several at a time. What it
 * returns for is acknowledged, what it throws for is given back; a message that
 * it settled itself is left as it is.
 */
export class MessageWorker implements AsyncDisposable {
  /**
   * Resolves when it or its client was closed; rejects with the OapError that ended it for
   * good, such as cap_scope. Left alone, that is an unhandled rejection, as a
   * receiver that stopped must not go unnoticed.
   */
  readonly finished: Promise<void>;

  readonly #subscription: Subscription;
  readonly #handler: MessageHandler;
  readonly #onError: (error: unknown, message: Message) => void;
  readonly #concurrency: number;
  #running = 0;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;
  #finish!: { readonly resolve: () => void; readonly reject: (error: OapError) => void };

  constructor(
    subscription: Subscription,
    handler: MessageHandler,
    options: Pick<HandlerOptions, 'onError'>,
    terms: SubscribeTerms,
    logger: ClientLogger,
  ) {
    this.#subscription = subscription;
    this.#handler = handler;
    this.#concurrency = terms.concurrency;
    this.#onError =
      options.onError ??
      ((err, { id }) => {
        logger.error({ err, id, topic: subscription.topic }, 'a message was not worked on');
      });
    this.finished = new Promise((resolve, reject) => {
      this.#finish = { resolve, reject };
    });
    subscription.listen(() => {
      this.#pump();
    });
  }

  get state(): SubscriptionState {
    return this.#subscription.state;
  }

  /** Why it waits, or was closed; undefined while all is well. */
  get lastError(): OapError | undefined {
    return this.#subscription.lastError;
  }

  /** As that of a subscription. */
  onState(listener: (state: SubscriptionState, error: OapError | undefined) => void): Unsubscribe {
    return this.#subscription.onState(listener);
  }

  /**
   * Takes no further message, waits until those under way are worked on, and
   * ends. What is not done within `timeoutMs` hears of it by its signal and goes
   * to other receivers. Calling it again is harmless.
   *
   * @param timeoutMs MAILBOX_CLOSE_MS when absent
   */
  close(timeoutMs: number = MAILBOX_CLOSE_MS): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  /** As `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#running > 0 && this.state !== 'closed') {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    await this.#subscription.close();
    this.#finish.resolve();
  }

  #pump(): void {
    while (this.#closing === undefined && this.#running < this.#concurrency) {
      const message = this.#subscription.take();
      if (message === undefined) break;
      this.#running++;
      void this.#work(message);
    }
    const { state, lastError } = this.#subscription;
    if (state !== 'closed') return;
    if (lastError === undefined || lastError.reason === Reject.client_closed.reason) this.#finish.resolve();
    else this.#finish.reject(lastError);
  }

  async #work(message: Message): Promise<void> {
    let failed = false;
    try {
      await this.#handler(message, message);
    } catch (error) {
      failed = true;
      this.#tell(error, message);
    }
    // The next message need not wait for the answer to this one's acknowledgement.
    void this.#settle(message, failed);
    this.#running--;
    if (this.#running === 0) this.#onIdle?.();
    this.#pump();
  }

  async #settle(message: Message, failed: boolean): Promise<void> {
    // Whoever has the message now decides about it.
    if (failed && message.lost) return;
    try {
      await (failed ? message.nack() : message.ack());
    } catch (error) {
      this.#tell(error, message);
    }
  }

  #tell(error: unknown, message: Message): void {
    try {
      this.#onError(error, message);
    } catch {
      // There is nobody left to tell.
    }
  }
}
