import { BEST_RATE_HALF_LIFE_MS, LOAD_INTERVAL_MS, NODE_INFLIGHT_MAX, OVERLOAD_SERVED_PERCENT } from '../limits.ts';
import type { Account } from '../quota/account.ts';
import { AppLoad } from './app-load.ts';
import { FairShare, Urgency } from './fair-share.ts';
import type { LoadProbes } from './load-probes.ts';
import { Pressure, Shedding } from './pressure.ts';
import type { OverloadCause } from './pressure.ts';

/** Messages and connections refused because the node was too busy. */
export interface ShedCounts {
  connection: number;
  event: number;
  batch: number;
  interactive: number;
}

const KINDS = ['event', 'batch', 'interactive'] as const;

/**
 * How busy the node is, and what it refuses for that: connections first, then
 * EVENTs, batch, and other requests; among those, whoever has more than an equal
 * part goes first (docs/adr/0006). Continuations, CREDIT and control frames never
 * come here.
 */
export class Load {
  /** Requests in flight on all connections. */
  readonly node = new FairShare(NODE_INFLIGHT_MAX);
  readonly shed: ShedCounts = { connection: 0, event: 0, batch: 0, interactive: 0 };
  readonly #probes: LoadProbes;
  readonly #pressure = new Pressure();
  readonly #apps = new Map<number, AppLoad>();

  /** Numbers intervals, so that accounts know when theirs is over. */
  #interval = 1;
  #sinceMs: number;
  /** Messages admitted in this interval, and parties they came from. */
  #admitted = 0;
  #parties = 0;
  /** Messages the node goes on to serve in one interval when its loop is late. */
  #target = Infinity;
  /** The same for each of the parties of the last interval. */
  #equalPart = Infinity;
  #bestPerMs = 0;

  constructor(probes: LoadProbes, nowMs: number) {
    this.#probes = probes;
    this.#sinceMs = nowMs;
  }

  /** How far refusing goes at the moment. */
  get level(): Shedding {
    return this.#pressure.level;
  }

  /** Why the node should get no new traffic. */
  get causes(): OverloadCause[] {
    return this.#pressure.causes;
  }

  /** All applications that were asked for, for metrics. */
  get apps(): Iterable<AppLoad> {
    return this.#apps.values();
  }

  /** The load of an application; there are as many as the bus has routes. */
  app(appProtoId: number, name: string): AppLoad {
    let app = this.#apps.get(appProtoId);
    if (app === undefined) {
      app = new AppLoad(name);
      this.#apps.set(appProtoId, app);
    }
    return app;
  }

  /** Whether a new connection may come in; counts when not. */
  admitsConnection(): boolean {
    if (this.#pressure.level < Shedding.CONNECTIONS) return true;
    this.shed.connection++;
    return false;
  }

  /** Whether a message may come in, as far as that depends on nothing but its kind; counts when not. */
  admitsKind(urgency: Urgency): boolean {
    const { level, memoryShort } = this.#pressure;
    if (level < Shedding.EVENTS) return true;
    const refused = memoryShort || (urgency === Urgency.EVENT ? true : urgency === Urgency.BATCH && level >= Shedding.BATCH);
    if (refused) this.#count(urgency);
    return !refused;
  }

  /**
   * Whether a message may come in that its sender is entitled to send; counts
   * when not.
   *
   * @param app its application's load; `undefined` when its duration says nothing
   */
  admits(urgency: Urgency, all: Account, part: Account, app: AppLoad | undefined): boolean {
    if (this.node.tight && !this.node.admits(urgency, all.inflight)) {
      this.#count(urgency);
      return false;
    }
    if (app?.share.tight === true && !app.share.admits(urgency, part.inflight)) {
      app.shed++;
      this.#count(urgency);
      return false;
    }
    if (this.#pressure.level === Shedding.INTERACTIVE && !this.#hasTurn(all)) {
      this.#count(urgency);
      return false;
    }
    return true;
  }

  /** A message came in. */
  admitted(all: Account): void {
    if (all.interval !== this.#interval) {
      all.interval = this.#interval;
      all.admitted = 0;
      this.#parties++;
    }
    all.admitted++;
    this.#admitted++;
  }

  /** Ends an interval; to be called every LOAD_INTERVAL_MS. */
  tick(nowMs: number): void {
    let applicationsShed = false;
    for (const app of this.#apps.values()) applicationsShed = app.adapt() || applicationsShed;
    const { node } = this;
    this.#pressure.observe({
      loopDelayMs: this.#probes.loopDelayMs(nowMs),
      heapPercent: this.#probes.heapPercent(),
      inflightPercent: (node.peak / node.limit) * 100,
      applicationsShed,
    });
    node.peak = node.inflight;
    this.#measure(nowMs);
  }

  /** While the loop is late: whether there is something left of this interval, or of the party's equal part of it. */
  #hasTurn(all: Account): boolean {
    if (this.#admitted < this.#target) return true;
    return all.interval !== this.#interval || all.admitted < this.#equalPart;
  }

  /** What was served in the interval decides what is served in the next one, should the loop be late. */
  #measure(nowMs: number): void {
    const elapsedMs = Math.max(1, nowMs - this.#sinceMs);
    const perMs = this.#admitted / elapsedMs;
    const kept = this.#bestPerMs * 0.5 ** (elapsedMs / BEST_RATE_HALF_LIFE_MS);
    this.#bestPerMs = Math.max(perMs, kept);
    this.#target = (this.#bestPerMs * LOAD_INTERVAL_MS * OVERLOAD_SERVED_PERCENT) / 100;
    this.#equalPart = this.#target / Math.max(1, this.#parties);
    this.#interval++;
    this.#admitted = 0;
    this.#parties = 0;
    this.#sinceMs = nowMs;
  }

  #count(urgency: Urgency): void {
    this.shed[KINDS[urgency]]++;
  }
}
