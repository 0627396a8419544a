import { SHED_APP_MIN } from '../limits.ts';
import { adapt, ADAPTIVE_START } from './adaptive-limit.ts';
import type { AdaptiveState } from './adaptive-limit.ts';
import { FairShare } from './fair-share.ts';

/** Shorter durations are below what the clock tells apart. */
const DURATION_MS_MIN = 0.01;

/** Requests of one application whose duration says how busy it is. */
export class AppLoad {
  /** Name for metrics. */
  readonly name: string;
  readonly share = new FairShare(ADAPTIVE_START.limit);
  /** Refused in this interval because of the limit. */
  shed = 0;
  #state: AdaptiveState = ADAPTIVE_START;
  #samples = 0;
  /** Sum of the logarithms of their durations. */
  #logarithms = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** A request is over. */
  observe(durationMs: number): void {
    this.#samples++;
    this.#logarithms += Math.log(Math.max(DURATION_MS_MIN, durationMs));
  }

  /** An interval is over: finds the next limit. Returns whether too many were refused in it. */
  adapt(): boolean {
    const { share } = this;
    const { limit } = this.#state;
    const samples = this.#samples;
    this.#state = adapt(this.#state, { samples, meanMs: Math.exp(this.#logarithms / samples), inflightMax: share.peak });
    if (this.#state.limit !== limit) share.limit = this.#state.limit;
    const overloaded = this.shed >= SHED_APP_MIN;
    share.peak = share.inflight;
    this.#samples = 0;
    this.#logarithms = 0;
    this.shed = 0;
    return overloaded;
  }
}
