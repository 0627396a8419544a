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
    clearTimeout(this.#timer);
    const dueInMs = this.#engine.nextDueMs - this.#clock.now();
    if (dueInMs === Number.POSITIVE_INFINITY) return;
    // A timer may fire a little early, and what is due then would be found by a step of its own.
    this.#timer = setTimeout(this.#onDue, Math.min(Math.max(Math.ceil(dueInMs), 0), ENGINE_SLEEP_MS_MAX));
  }

  readonly #onDue = (): void => {
    if (this.#run(NOTHING, false)) this.#sleep();
  };
}
