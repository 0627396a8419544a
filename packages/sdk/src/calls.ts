import { OapError, Reject } from '@omnigate/kernel/wire';
import { AbortWatch } from './abort-watch.ts';
import { endedInFlight, explainCapability, isOutdated } from './capability.ts';
import type { CapabilitySource } from './capability-source.ts';
import type { ClientConnection } from './connection.ts';
import type { Exchange, ExchangeOwner } from './exchange.ts';
import { WAITING_CALLS_MAX } from './limits.ts';
import type { ClientLogger } from './logger.ts';
import { decideRetry } from './retry.ts';
import type { Outcome, RetryPolicy } from './retry.ts';
import { monotonicMs } from './sweep.ts';
import type { Sweep } from './sweep.ts';
import { WaitingCalls } from './waiting-calls.ts';

/** The connection that new requests go to, as the calls see it. */
export interface CurrentConnection {
  readonly current: ClientConnection | undefined;
  readonly lastError: OapError | undefined;
}

/**
 * The calls of one client, wherever they are: in flight, waiting for a
 * connection or a place, or pausing before another attempt. Every call ends
 * here, once, at its deadline at the latest.
 */
export class Calls implements ExchangeOwner {
  readonly #uplink: CurrentConnection;
  readonly #capability: CapabilitySource;
  readonly #sweep: Sweep;
  readonly #policy: RetryPolicy;
  readonly #logger: ClientLogger;
  readonly #waiting = new WaitingCalls();
  /** Refused calls that pause before their next attempt; as many as may wait. */
  readonly #pausing = new Set<Exchange>();
  readonly #signals = new AbortWatch();
  #closed = false;

  constructor(uplink: CurrentConnection, capability: CapabilitySource, sweep: Sweep, policy: RetryPolicy, logger: ClientLogger) {
    this.#uplink = uplink;
    this.#capability = capability;
    this.#sweep = sweep;
    this.#policy = policy;
    this.#logger = logger;
  }

  // ExchangeOwner

  begin(exchange: Exchange): void {
    const connection = this.#uplink.current;
    if (this.#closed) {
      exchange.fail(clientClosed());
      return;
    }
    const { signal } = exchange.terms;
    if (signal !== undefined && !this.#watch(exchange, signal)) return;
    if (connection !== undefined && this.#waiting.size === 0 && connection.start(exchange)) {
      exchange.deadlineAt = connection.nowMs + exchange.terms.deadlineMs;
      this.#sweep.want(exchange.deadlineAt);
    } else {
      exchange.deadlineAt = monotonicMs() + exchange.terms.deadlineMs;
      this.#wait(exchange);
    }
  }

  abandon(exchange: Exchange, error: OapError): void {
    const isInFlight = !exchange.waiting && !this.#pausing.delete(exchange);
    this.#waiting.remove(exchange);
    if (isInFlight) exchange.carrier?.abandon(exchange, error);
    exchange.fail(error);
  }

  unwatch(exchange: Exchange, signal: AbortSignal): void {
    this.#signals.remove(signal, exchange);
  }

  // What happens to connections

  /** There is a place for what waits. */
  pump(): void {
    while (this.#waiting.size > 0) {
      const next = this.#waiting.peek();
      // Bulk may lack bytes where a short call does not.
      if (!this.#start(next, false) && !(next?.bulk === true && this.#start(this.#waiting.peekShort(), true))) return;
    }
    this.#holdProcess();
  }

  /** An attempt failed: it is repeated where that is safe and of use, else the caller hears of it. */
  failed(exchange: Exchange, error: OapError, outcome: Outcome): void {
    if (outcome === 'refused' && error.status === 401) {
      this.#capabilityFailed(exchange, error);
      return;
    }
    const decision = decideRetry(exchange, error, outcome, this.#policy);
    const resumeAt = monotonicMs() + (decision.again ? decision.pauseMs : 0);
    const isHopeless = this.#closed || resumeAt >= exchange.deadlineAt || this.#pausing.size >= WAITING_CALLS_MAX;
    if (!decision.again || isHopeless || !exchange.rewind()) {
      exchange.fail(error);
      return;
    }
    const { corrId } = exchange;
    this.#logger.debug({ corr_id: corrId, reason: error.reason, pauseMs: decision.pauseMs }, `trying ${exchange.name} again`);
    if (decision.counts) exchange.attempts++;
    if (decision.pauseMs === 0) {
      this.#wait(exchange);
    } else {
      exchange.resumeAt = resumeAt;
      this.#pausing.add(exchange);
      this.#sweep.want(resumeAt);
      this.#holdProcess();
    }
  }

  /** The node refused the capability: the call is sent once more under a newer one, where it may be and there is one. */
  #capabilityFailed(exchange: Exchange, error: OapError): void {
    const { terms } = exchange;
    const source = this.#capability;
    const isClients = isOutdated(error) && terms.capability === undefined && source.renewable;
    const mayRepeat = terms.retry && !exchange.capRenewed && (terms.repeatable || !endedInFlight(error));
    if (this.#closed || !isClients || !mayRepeat || !exchange.rewind()) {
      exchange.fail(explainCapability(error, isClients));
      return;
    }
    exchange.capRenewed = true;
    if (exchange.capRound !== source.round) {
      this.#wait(exchange);
      return;
    }
    exchange.resumeAt = Number.POSITIVE_INFINITY;
    this.#pausing.add(exchange);
    this.#sweep.want(exchange.deadlineAt);
    this.#holdProcess();
    void this.#afterRenewal(exchange, error);
  }

  /** Sends a call again once there is a new capability; its deadline holds meanwhile. */
  async #afterRenewal(exchange: Exchange, refusal: OapError): Promise<void> {
    const source = this.#capability;
    let error = explainCapability(refusal, true);
    try {
      await source.renew();
    } catch (thrown) {
      error = OapError.from(thrown);
    }
    if (!this.#pausing.delete(exchange)) return;
    if (exchange.capRound === source.round) exchange.fail(error);
    else this.#wait(exchange);
    this.#holdProcess();
  }

  /** No connection came about: whoever cannot be helped by another attempt hears of it now. */
  connectFailed(error: OapError): void {
    for (const exchange of this.#waiting.all()) {
      if (!error.retryable || !exchange.terms.retry) this.abandon(exchange, error);
    }
  }

  /** Fails what waits, and everything that comes. */
  close(): void {
    this.#closed = true;
    for (const exchange of [...this.#waiting.all(), ...this.#pausing]) this.abandon(exchange, clientClosed());
    this.#holdProcess();
  }

  /** Ends pauses, and calls whose deadline is over; those in flight are their connection's. */
  sweep(nowMs: number): void {
    for (const exchange of this.#waiting.all()) this.#expire(exchange, nowMs);
    for (const exchange of this.#pausing) {
      if (this.#expire(exchange, nowMs)) continue;
      if (nowMs >= exchange.resumeAt) {
        this.#pausing.delete(exchange);
        this.#wait(exchange);
      } else {
        this.#sweep.want(exchange.resumeAt);
      }
    }
    this.#holdProcess();
  }

  /** Sends a call that waits; false when there is none, or no place for it. */
  #start(exchange: Exchange | undefined, passing: boolean): boolean {
    if (exchange === undefined || this.#uplink.current?.start(exchange, passing) !== true) return false;
    this.#waiting.remove(exchange);
    this.#sweep.want(exchange.deadlineAt);
    return true;
  }

  /** False when the caller let go before it began. */
  #watch(exchange: Exchange, signal: AbortSignal): boolean {
    if (signal.aborted) exchange.fail(exchange.cancelled(signal.reason));
    else this.#signals.add(signal, exchange);
    return !signal.aborted;
  }

  #wait(exchange: Exchange): void {
    if (!this.#waiting.push(exchange)) {
      const message = `${this.#waiting.size} calls wait already, so ${exchange.name} was not sent.`;
      exchange.fail(new OapError(Reject.queue_full, { message }));
      return;
    }
    this.#sweep.want(exchange.deadlineAt);
    this.#sweep.referenced = true;
    this.pump();
  }

  #expire(exchange: Exchange, nowMs: number): boolean {
    if (nowMs < exchange.deadlineAt) {
      this.#sweep.want(exchange.deadlineAt);
      return false;
    }
    const { lastError } = this.#uplink;
    const what = lastError === undefined ? 'it waited for its turn' : 'there was no connection to send it on';
    this.abandon(exchange, exchange.expired(what, lastError));
    return true;
  }

  /** Without a socket nothing but the timer keeps the process from leaving waiting calls behind. */
  #holdProcess(): void {
    this.#sweep.referenced = this.#waiting.size + this.#pausing.size > 0;
  }
}

/** The error of everything that a closed client is asked for. */
export function clientClosed(): OapError {
  return new OapError(Reject.client_closed, { message: 'The client was closed.' });
}
