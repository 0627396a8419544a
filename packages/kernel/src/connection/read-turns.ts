import type { Clock } from '../clock.ts';
import { READ_TURN_MS_MAX } from '../limits.ts';

/**
 * How long one connection is read before others have their turn, over all
 * connections of a server: services work while frames are read, and those that
 * take long must not keep timers and the admin port waiting for as many frames as
 * all connections have sent.
 */
export class ReadTurns {
  /** Connections with frames at hand that had their turn. */
  waiting = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When a turn that begins at `nowMs` is over; they share what they have. */
  endMs(nowMs: number): number {
    return nowMs + READ_TURN_MS_MAX / (1 + this.waiting);
  }

  /** Whether that time has come. */
  isOver(endMs: number): boolean {
    return this.#clock.now() >= endMs;
  }
}
