/** What the exit codes of `omnigate` mean. */
export const ExitCode = {
  OK: 0,
  /** It ran, or tried to, and failed: a port was taken, a service did not start, requests were cut off. */
  FAILED: 1,
  /** It was called or configured in a way that cannot work; trying again does not help. */
  USAGE: 2,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
