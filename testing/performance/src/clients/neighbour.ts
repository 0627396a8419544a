import type { EchoConnection } from './echo-connection.ts';

/**
 * A well-behaved client next to a misbehaving one: one request every interval,
 * and how long each took. A request that had to wait for the one before counts
 * from when it was due, so that a stall is not seen once but as often as it
 * would have hurt.
 */
export class Neighbour {
  readonly #connection: EchoConnection;
  readonly #latencies: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #sentAt = 0;
  #waiting = false;
  #failure: Error | undefined;

  constructor(connection: EchoConnection, intervalMs: number) {
    this.#connection = connection;
    connection.onFailure = (error) => {
      this.#failure = error;
    };
    connection.onReplies = () => {
      const now = performance.now();
      this.#waiting = false;
      this.#latencies.push(now - this.#sentAt);
      this.#dueAt += intervalMs;
      if (now < this.#dueAt) {
        this.#timer = setTimeout(this.#sendNow, this.#dueAt - now);
      } else {
        this.#send(this.#dueAt);
      }
    };
    this.#dueAt = performance.now();
    this.#send(this.#dueAt);
  }

  /** Latencies so far, milliseconds; throws when the neighbour lost its connection. */
  stop(): number[] {
    clearTimeout(this.#timer);
    this.#connection.onReplies = () => undefined;
    if (this.#failure !== undefined) throw this.#failure;
    // A request that is still unanswered may be the worst of all and must not be left out.
    if (this.#waiting) this.#latencies.push(performance.now() - this.#sentAt);
    return this.#latencies;
  }

  /** A timer that fires late is this process's fault, not the server's. */
  readonly #sendNow = (): void => {
    this.#dueAt = performance.now();
    this.#send(this.#dueAt);
  };

  #send(countsFrom: number): void {
    this.#sentAt = countsFrom;
    this.#waiting = true;
    this.#connection.send(1);
  }
}
