import {
  HEAP_PERCENT_CALM,
  HEAP_PERCENT_MAX,
  INFLIGHT_PERCENT_CALM,
  LOOP_DELAY_CALM_MS,
  LOOP_DELAY_MS_MAX,
  OVERLOAD_CALM_INTERVALS,
} from '../limits.ts';

/** What is refused, in this order; each one includes those before. */
export const Shedding = { NOTHING: 0, CONNECTIONS: 1, EVENTS: 2, BATCH: 3, INTERACTIVE: 4 } as const;
export type Shedding = (typeof Shedding)[keyof typeof Shedding];

/** What the node is short of. */
export type OverloadCause = 'event_loop' | 'heap' | 'inflight' | 'application';

/** What the monitor saw in one interval. */
export interface LoadSample {
  /** 99th percentile of how late the event loop was. */
  readonly loopDelayMs: number;
  /** Of what V8 may use. */
  readonly heapPercent: number;
  /** Requests in flight, of the node's ceiling, at the highest. */
  readonly inflightPercent: number;
  /** Applications refused requests because those before were slow. */
  readonly applicationsShed: boolean;
}

/**
 * Turns what was measured into what is refused: one step for each interval of
 * trouble, several where it is great, and back again only after a calm time, so
 * that the node does not swing. A pure state machine.
 */
export class Pressure {
  /** How far refusing has to go. */
  level: Shedding = Shedding.NOTHING;
  /** Nobody gets in until memory is back. */
  memoryShort = false;
  readonly #causes = new Map<OverloadCause, number>();
  /** Those of them that were there last. */
  #latest: OverloadCause[] = [];

  /**
   * What stands in the way of readiness; a cause stays for OVERLOAD_CALM_INTERVALS
   * after it was last seen, and then until nothing is refused for it any more.
   */
  get causes(): OverloadCause[] {
    return this.#causes.size > 0 || this.level > Shedding.NOTHING ? this.#latest : [];
  }

  /** One interval is over. */
  observe(sample: LoadSample): void {
    const { loopDelayMs, heapPercent, inflightPercent } = sample;
    this.#note('event_loop', loopDelayMs > LOOP_DELAY_MS_MAX, loopDelayMs < LOOP_DELAY_CALM_MS);
    this.#note('heap', heapPercent > HEAP_PERCENT_MAX, heapPercent < HEAP_PERCENT_CALM);
    this.#note('inflight', inflightPercent >= 100, inflightPercent < INFLIGHT_PERCENT_CALM);
    this.#note('application', sample.applicationsShed, !sample.applicationsShed);

    if (this.#causes.size > 0) this.#latest = [...this.#causes.keys()];

    const rise = Math.max(stepsFor(loopDelayMs / LOOP_DELAY_MS_MAX), heapPercent > HEAP_PERCENT_MAX ? 2 : 0);
    const held = this.#causes.has('event_loop') || this.#causes.has('heap');
    if (rise > 0) this.level = Math.min(Shedding.INTERACTIVE, this.level + rise) as Shedding;
    else if (!held && this.level > 0) this.level = (this.level - 1) as Shedding;
    this.memoryShort = this.#causes.has('heap') && this.level === Shedding.INTERACTIVE;
  }

  /** Calm intervals left until a cause is forgotten; what is neither bad nor calm changes nothing. */
  #note(cause: OverloadCause, bad: boolean, calm: boolean): void {
    const left = this.#causes.get(cause);
    if (bad) this.#causes.set(cause, OVERLOAD_CALM_INTERVALS);
    else if (left !== undefined && calm) {
      if (left > 1) this.#causes.set(cause, left - 1);
      else this.#causes.delete(cause);
    }
  }
}

/** Steps for a delay of `times` what is allowed: a loop that stood still for seconds has no time to go through all. */
function stepsFor(times: number): number {
  if (times > 4) return 4;
  if (times > 2) return 2;
  return times > 1 ? 1 : 0;
}
