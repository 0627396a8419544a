import type { Reject } from './wire/reject.ts';

/** Names of the metrics the kernel feeds; docs/METRICS.md explains each. */
export const MetricName = {
  REQUESTS: 'requests_total',
  BYTES_IN: 'bytes_in_total',
  BYTES_OUT: 'bytes_out_total',
  REJECTED: 'rejected_total',
  LATENCY: 'latency_seconds',
  INFLIGHT: 'inflight',
  CONNECTIONS: 'connections',
  CONNECTIONS_RESTING: 'connections_resting',
  GLITCHES: 'glitches_total',
  BUS_DROPPED: 'bus_overflow_dropped_total',
  COMP_RATIO: 'decompression_ratio',
} as const;

/** Upper bounds of the latency buckets, seconds. */
const LATENCY_BUCKETS_SECONDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

/** Upper bounds of the decompression ratio buckets. */
const COMP_RATIO_BUCKETS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const;

/** Counts of observations per bucket, the last one beyond all bounds. */
export class Histogram {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  /** Books `times` observations of `value`. */
  observe(value: number, times = 1): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > (bounds[i] as number)) i++;
    this.counts[i] = (this.counts[i] as number) + times;
    this.sum += value * times;
  }
}

/**
 * Plain numbers that the hot path adds to. An exporter reads them when it is
 * asked; nothing here allocates per request.
 */
export class Metrics {
  bytesIn = 0;
  bytesOut = 0;
  connections = 0;
  connectionsTotal = 0;
  /** Connections that are not read because they are refused too often. */
  connectionsResting = 0;
  inflight = 0;
  glitches = 0;
  busDropped = 0;
  readonly latency = new Histogram(LATENCY_BUCKETS_SECONDS);
  readonly compRatio = new Histogram(COMP_RATIO_BUCKETS);
  readonly #rejected = new Map<string, number>();

  /** Makes reasons visible at 0 before they first happen. */
  registerReasons(rejects: Iterable<Reject>): void {
    for (const { reason } of rejects) {
      if (!this.#rejected.has(reason)) this.#rejected.set(reason, 0);
    }
  }

  /** Counts one rejection. */
  reject(reject: Reject): void {
    this.#rejected.set(reject.reason, (this.#rejected.get(reject.reason) ?? 0) + 1);
  }

  /** Rejections by reason since the start. */
  get rejected(): ReadonlyMap<string, number> {
    return this.#rejected;
  }
}
