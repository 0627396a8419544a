import type { CapabilityVerifier } from '@omnigate/capability';
import { monotonicClock } from '@omnigate/kernel';
import type { Admission, Clock, ConnectionAdmission, Peer } from '@omnigate/kernel';
import { LOAD_INTERVAL_MS } from '../limits.ts';
import { processProbes } from '../overload/load-probes.ts';
import type { LoadProbes } from '../overload/load-probes.ts';
import { Load } from '../overload/load.ts';
import type { OverloadCause } from '../overload/pressure.ts';
import { NO_QUOTAS } from '../quota/quota-settings.ts';
import type { QuotaSettings } from '../quota/quota-settings.ts';
import { Quotas } from '../quota/quotas.ts';
import { AdmissionContext } from './admission-context.ts';
import { readMetrics } from './admission-metrics.ts';
import type { AdmissionMetrics } from './admission-metrics.ts';
import { ConnectionGate } from './connection-gate.ts';
import { Denials } from './denials.ts';
import type { AuditSink } from './denials.ts';

/** What admission goes by. */
export interface AdmissionOptions {
  readonly verifier: CapabilityVerifier;
  readonly audit: AuditSink;
  /** Name of this node, for the caveat `node`. */
  readonly node: string;
  /** Name of the deployment it belongs to, for the caveat `aud`. */
  readonly audience: string;
  /** None when absent. */
  readonly quotas?: QuotaSettings | undefined;
  /** The clock of the server that this is given to. */
  readonly clock?: Clock;
  /** Unix time, milliseconds. */
  readonly unixClock?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly probes?: LoadProbes;
}

/**
 * Decides who may connect, and do what, how much, and when it is too much for
 * the node: the admission of an `OapServer`. Dispose of it after the server.
 */
export class AdmissionControl implements Admission, Disposable {
  readonly #context: AdmissionContext;
  readonly #clock: Clock;
  readonly #unixClock: () => number;
  readonly #probes: LoadProbes;
  #timer: NodeJS.Timeout | undefined;

  /** @throws RangeError that names the quota setting at fault */
  constructor(options: AdmissionOptions) {
    const { verifier, audit, node, audience, quotas = NO_QUOTAS, random = Math.random } = options;
    this.#clock = options.clock ?? monotonicClock;
    this.#unixClock = options.unixClock ?? Date.now;
    const books = new Quotas(quotas, random);
    this.#probes = options.probes ?? processProbes();
    const load = new Load(this.#probes, this.#clock.now());
    this.#context = new AdmissionContext({ verifier, load, quotas: books, denials: new Denials(audit), node, audience }, random);
    this.#setUnixTime();
  }

  open(peer: Peer): ConnectionAdmission {
    return new ConnectionGate(this.#context, peer);
  }

  /**
   * Puts other quotas in force at once; what was used stays used.
   *
   * @throws RangeError that names the setting at fault; the old ones stay in force then
   */
  reload(quotas: QuotaSettings): void {
    this.#context.quotas.reload(quotas);
  }

  /** Why the node should get no new traffic; empty while it is not overloaded. */
  get overloadCauses(): readonly OverloadCause[] {
    return this.#context.load.causes;
  }

  get metrics(): AdmissionMetrics {
    return readMetrics(this.#context);
  }

  /** Looks at the load every LOAD_INTERVAL_MS until it is disposed of. */
  watch(): void {
    this.#timer ??= setInterval(() => {
      this.tick();
    }, LOAD_INTERVAL_MS).unref();
  }

  /** Looks at the load once. */
  tick(): void {
    this.#setUnixTime();
    this.#context.load.tick(this.#clock.now());
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#probes[Symbol.dispose]();
  }

  /** Reading two clocks for each message would cost more than all the rest. */
  #setUnixTime(): void {
    this.#context.unixOffsetMs = this.#unixClock() - this.#clock.now();
  }
}
