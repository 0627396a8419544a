import { BUS_EVENTS_PER_TURN_MAX, BUS_QUEUE_BYTES_MAX, BUS_QUEUE_EVENTS_MAX } from './limits.ts';

/**
 * Something that is told of the events of a topic, a turn of the loop after
 * they were published. All subscribers get the same bytes: read, do not write.
 */
export type Subscriber = (payload: Uint8Array, topic: string) => void;

/** Hears of what a subscriber threw. */
export type SubscriberErrorHandler = (topic: string, error: unknown) => void;

/** The events one subscriber has not seen yet; bounded, the oldest are dropped first. */
export class SubscriberQueue {
  readonly #topic: string;
  readonly #subscriber: Subscriber;
  readonly #onError: SubscriberErrorHandler;
  #events: Uint8Array[] = [];
  #bytes = 0;
  #scheduled = false;
  #closed = false;

  constructor(topic: string, subscriber: Subscriber, onError: SubscriberErrorHandler) {
    this.#topic = topic;
    this.#subscriber = subscriber;
    this.#onError = onError;
  }

  /** Queues an event; returns how many older ones had to go for it. */
  push(payload: Uint8Array): number {
    this.#events.push(payload);
    this.#bytes += payload.length;
    let dropped = 0;
    while (this.#events.length > BUS_QUEUE_EVENTS_MAX || (this.#bytes > BUS_QUEUE_BYTES_MAX && this.#events.length > 1)) {
      this.#bytes -= (this.#events.shift() as Uint8Array).length;
      dropped++;
    }
    this.#schedule();
    return dropped;
  }

  /** Forgets everything; the subscriber hears nothing more. */
  close(): void {
    this.#closed = true;
    this.#events = [];
    this.#bytes = 0;
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(this.#deliver);
  }

  readonly #deliver = (): void => {
    this.#scheduled = false;
    const batch = this.#events.splice(0, BUS_EVENTS_PER_TURN_MAX);
    for (const event of batch) {
      this.#bytes -= event.length;
      if (this.#closed) return;
      try {
        this.#subscriber(event, this.#topic);
      } catch (error) {
        this.#onError(this.#topic, error);
      }
    }
    if (this.#events.length > 0) this.#schedule();
  };
}
