/** Monotonic time, milliseconds with fractions. Tests put their own in. */
export interface Clock {
  now(): number;
}

export const monotonicClock: Clock = { now: () => performance.now() };
