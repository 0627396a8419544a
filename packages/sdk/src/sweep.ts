import { SWEEP_INTERVAL_MS_MAX, SWEEP_INTERVAL_MS_MIN } from './limits.ts';

/** Monotonic time in whole milliseconds, rounded up: small integers cost no allocation. */
export function monotonicMs(): number {
  return Math.ceil(performance.now());
}

/**
 * The one timer of a client. Whoever needs a look at some time says `want()`;
 * at the earliest of those times `run` looks at everything there is and says
 * `want()` again. A request is thus one comparison here, and no timer.
 *
 * A look comes after the input that already arrived, so that a process that was
 * busy for a while does not time out replies it has not read yet.
 */
export class Sweep {
  readonly #run: (nowMs: number) => void;
  #dueAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #referenced = false;
  #stopped = false;

  constructor(run: (nowMs: number) => void) {
    this.#run = run;
  }

  /** Asks for a look at `atMs` or a little later; at most SWEEP_INTERVAL_MS_MAX from now. */
  want(atMs: number): void {
    if (atMs < this.#dueAt) this.#arm(atMs);
  }

  /** Whether the timer alone keeps the process alive: needed while calls wait and no socket is open. */
  set referenced(referenced: boolean) {
    if (this.#referenced === referenced) return;
    this.#referenced = referenced;
    if (referenced) this.#timer?.ref();
    else this.#timer?.unref();
  }

  /** No look happens after this. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(atMs: number): void {
    if (this.#stopped) return;
    const pauseMs = Math.min(Math.max(atMs - monotonicMs(), SWEEP_INTERVAL_MS_MIN), SWEEP_INTERVAL_MS_MAX);
    this.#dueAt = atMs;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#afterInput, pauseMs);
    if (!this.#referenced) this.#timer.unref();
  }

  /** Timers run before the loop reads its sockets, immediates behind that. */
  readonly #afterInput = (): void => {
    setImmediate(this.#look);
  };

  readonly #look = (): void => {
    if (this.#stopped) return;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#run(Math.floor(performance.now()));
  };
}
