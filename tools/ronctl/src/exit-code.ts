import { CapabilityError } from '@omnigate/capability';
import type { CapabilityErrorCode } from '@omnigate/capability';
import { OapError } from '@omnigate/sdk';

/** What the exit codes of `ronctl` mean. */
export const ExitCode = {
  OK: 0,
  /** The answer is no: the node refused or failed, a capability is not valid, somebody touched an audit log. */
  FAILED: 1,
  /** The command was called in a way that cannot work. */
  USAGE: 2,
  /** No connection came about. */
  NO_CONNECTION: 3,
  /** The capability store is not there, is not private, is damaged, or cannot be written. */
  STORE: 4,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What the help of every command says of them. */
export const EXIT_CODES = `
Exit codes: 0 done, 1 refused, failed or not valid, 2 wrong call, 3 no connection,
4 the capability store cannot be used.
`;

/** There is an answer, and it is not what it must be. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
  /** Whether standard output says it already, for programs. */
  readonly told: boolean;

  constructor(message: string, told = false) {
    super(message);
    this.told = told;
  }
}

/** Reasons that say that the call itself was wrong. */
const USAGE_REASONS = new Set(['bad_url']);
/** Reasons that say that the node was never spoken to. */
const CONNECTION_REASONS = new Set(['connect_failed', 'tls_alpn', 'tls_client']);

/** Faults of what was asked for; the others are those of the store. */
const USAGE_FAULTS: ReadonlySet<CapabilityErrorCode> = new Set(['cap_malformed', 'caveat_invalid', 'token_full', 'ttl_too_long', 'key_unavailable']);

/** The exit code for an error; one that comes from neither node nor store is a mistake in an argument. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof BadAnswer) return ExitCode.FAILED;
  if (error instanceof CapabilityError) return USAGE_FAULTS.has(error.code) ? ExitCode.USAGE : ExitCode.STORE;
  if (!(error instanceof OapError) || USAGE_REASONS.has(error.reason)) return ExitCode.USAGE;
  return CONNECTION_REASONS.has(error.reason) ? ExitCode.NO_CONNECTION : ExitCode.FAILED;
}
