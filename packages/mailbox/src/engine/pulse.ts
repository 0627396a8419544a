import { ENGINE_SLEEP_MS_MAX } from '../limits.ts';
import type { EngineClock } from './engine-clock.ts';
import type { Engine } from './engine.ts';

/** What a pulse tells of. */
export interface PulseEvents {
  /** @param done the batch that was given is done */
  answers(batch: Uint8Array, done: boolean): void;
  /** The engine must not be used any more. */
  failed(error: unknown): void;
}

const NOTHING = new Uint8Array(0);

/** Runs an engine: when there is a batch, and when something is due. */
export class Pulse {
  readonly #engine: Engine;
  readonly #clock: EngineClock;
  readonly #events: PulseEvents;
  #timer: NodeJS.Timeout | undefined;
  /** When that is due for which it was set; infinite while none is. */
  #timerAtMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(engine: Engine, clock: EngineClock, events: PulseEvents) {
    this.#engine = engine;
    this.#clock = clock;
    this.#events = events;
    this.#sleep();
  }

  /** Handles a batch. */
  step(batch: Uint8Array): void {
    if (this.#run(batch, true)) this.#sleep();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #run(batch: Uint8Array, given: boolean): boolean {
    if (this.#stopped) return false;
    try {
      for (const answers of this.#engine.step(batch, this.#clock.now())) {
        const done = given && !this.#engine.underWay;
        if (answers.length > 0 || done) this.#events.answers(answers, done);
      }
      return true;
    } catch (error) {
      this.stop();
      this.#events.failed(error);
      return false;
    }
  }

  #sleep(): void {
    const dueAtMs = this.#engine.nextDueMs;
    // One that fires too soon finds nothing, which costs less than to set it anew after each step.
    if (dueAtMs >= this.#timerAtMs) return;
    clearTimeout(this.#timer);
    // A timer may fire a little early, and what is due then would be found by a step of its own.
    const sleepMs = Math.min(Math.max(Math.ceil(dueAtMs - this.#clock.now()), 0), ENGINE_SLEEP_MS_MAX);
    this.#timer = setTimeout(this.#onDue, sleepMs);
    this.#timerAtMs = dueAtMs;
  }

  readonly #onDue = (): void => {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    if (this.#run(NOTHING, false)) this.#sleep();
  };
}
