/** How hard and how long to drive a server. */
export interface LoadPlan {
  /** At least this long, milliseconds. */
  readonly durationMs: number;
  /** At least this many requests over all connections. */
  readonly requestsMin: number;
}

/** What a load did; it ends with no request in flight. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** CPU time of the client process meanwhile. */
  readonly clientCpuSeconds: number;
}

/** Counts a load's requests and says when enough were sent. */
export class LoadMeter {
  /** False from the moment on when no further request is to be sent. */
  running = true;

  readonly #plan: LoadPlan;
  readonly #startMs = performance.now();
  readonly #startCpu = process.cpuUsage();
  #requests = 0;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
  }

  /** Takes note of `replies` more. */
  add(replies: number): void {
    this.#requests += replies;
    if (!this.running || this.#requests < this.#plan.requestsMin) return;
    if (performance.now() - this.#startMs >= this.#plan.durationMs) this.running = false;
  }

  /** Figures up to now, to be taken when the last reply is in. */
  result(): LoadResult {
    const { user, system } = process.cpuUsage(this.#startCpu);
    return {
      requests: this.#requests,
      seconds: (performance.now() - this.#startMs) / 1_000,
      clientCpuSeconds: (user + system) / 1e6,
    };
  }
}
