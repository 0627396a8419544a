import { OapError } from '@omnigate/sdk';

/** What the exit codes of `ronctl` mean. */
export const ExitCode = {
  OK: 0,
  /** The node refused, failed, or answered something else than it should. */
  FAILED: 1,
  /** The command was called in a way that cannot work. */
  USAGE: 2,
  /** No connection came about. */
  NO_CONNECTION: 3,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The node answered, and the answer is not what it must be. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

/** Reasons that say that the call itself was wrong. */
const USAGE_REASONS = new Set(['bad_url']);
/** Reasons that say that the node was never spoken to. */
const CONNECTION_REASONS = new Set(['connect_failed', 'tls_alpn', 'tls_client']);

/** The exit code for an error; one that does not come from the node is a mistake in an argument. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof BadAnswer) return ExitCode.FAILED;
  if (!(error instanceof OapError) || USAGE_REASONS.has(error.reason)) return ExitCode.USAGE;
  return CONNECTION_REASONS.has(error.reason) ? ExitCode.NO_CONNECTION : ExitCode.FAILED;
}
