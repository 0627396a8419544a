import type { EchoConnection } from './echo-connection.ts';

/**
 * A well-behaved client next to a misbehaving one: one request every interval,
 * and how long each took. Requests that were due while one was on its way are
 * not sent late; each counts with the time it would have had to wait, so that a
 * stall is not seen once but as often as it would have hurt.
 */
export class Neighbour {
  readonly #connection: EchoConnection;
  readonly #intervalMs: number;
  readonly #latencies: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sentAt = 0;
  #waiting = false;
  #failure: Error | undefined;

  constructor(connection: EchoConnection, intervalMs: number) {
    this.#connection = connection;
    this.#intervalMs = intervalMs;
    connection.onFailure = (error) => {
      this.#failure = error;
    };
    connection.onReplies = () => {
      const latencyMs = this.#record();
      this.#timer = setTimeout(this.#send, intervalMs - (latencyMs % intervalMs));
    };
    this.#send();
  }

  /** Latencies so far, milliseconds; throws when the neighbour lost its connection. */
  stop(): number[] {
    clearTimeout(this.#timer);
    this.#connection.onReplies = () => undefined;
    if (this.#failure !== undefined) throw this.#failure;
    // A request that is still unanswered may be the worst of all and must not be left out.
    if (this.#waiting) this.#record();
    return this.#latencies;
  }

  /** Books the request on its way, and those that were due behind it; returns its latency so far. */
  #record(): number {
    this.#waiting = false;
    const latencyMs = performance.now() - this.#sentAt;
    for (let waitMs = latencyMs; waitMs > 0; waitMs -= this.#intervalMs) this.#latencies.push(waitMs);
    return latencyMs;
  }

  readonly #send = (): void => {
    this.#sentAt = performance.now();
    this.#waiting = true;
    this.#connection.send(1);
  };
}
