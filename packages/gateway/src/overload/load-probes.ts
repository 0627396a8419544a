import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { IntervalHistogram } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { LOOP_DELAY_RESOLUTION_MS, LOOP_DELAY_WINDOW_MS } from '../limits.ts';

/** Where the load monitor gets its figures; tests bring their own. */
export interface LoadProbes extends Disposable {
  /** How late the event loop is, milliseconds; asked once in each interval. */
  loopDelayMs(nowMs: number): number;
  /** Heap in use, of what V8 may use, percent. */
  heapPercent(): number;
}

/** Measures this process. */
export function processProbes(): LoadProbes {
  const loop = new LoopDelay();
  return {
    loopDelayMs: (nowMs) => loop.sample(nowMs),
    heapPercent: () => {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      return (used / limit) * 100;
    },
    [Symbol.dispose]: () => {
      loop.disable();
    },
  };
}

/**
 * The loop is late when it was late lately (99th percentile) and is still late
 * now (the worst moment of the last two looks).
 */
class LoopDelay {
  readonly #lately = new TakingTurns();
  readonly #now = new TakingTurns();
  #turnedMs = Number.NaN;
  #warm = false;

  sample(nowMs: number): number {
    if (Number.isNaN(this.#turnedMs)) this.#turnedMs = nowMs;
    if (nowMs - this.#turnedMs >= LOOP_DELAY_WINDOW_MS) {
      this.#lately.turn();
      this.#turnedMs = nowMs;
      // Before, a few moments were all there was.
      this.#warm = true;
    }
    const { older } = this.#now;
    const worst = older.count === 0 ? 0 : older.max;
    this.#now.turn();
    const usual = this.#warm && this.#lately.older.count > 0 ? this.#lately.older.percentile(99) : 0;
    // The histograms hold the time between two wake-ups, in nanoseconds.
    return Math.max(0, Math.min(worst, usual) / 1e6 - LOOP_DELAY_RESOLUTION_MS);
  }

  disable(): void {
    this.#lately.disable();
    this.#now.disable();
  }
}

/**
 * Two histograms, so that one of them has always seen a whole turn, and two just
 * before it is its turn. One alone would be blind: after a reset it needs a
 * wake-up to begin with, and a loop that is late has no other in an interval.
 */
class TakingTurns {
  /** The one to read. */
  older = startHistogram();
  #younger = startHistogram();

  /** The older one starts anew. */
  turn(): void {
    [this.older, this.#younger] = [this.#younger, this.older];
    this.#younger.reset();
  }

  disable(): void {
    this.older.disable();
    this.#younger.disable();
  }
}

function startHistogram(): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
  histogram.enable();
  return histogram;
}
