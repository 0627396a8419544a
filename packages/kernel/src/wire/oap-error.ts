import { Reject } from './reject.ts';

/** Who caused an error: the far side said it, or this side noticed it. */
export type ErrorOrigin = 'local' | 'remote';

/** What may be known beside the reason. */
export interface OapErrorOptions {
  /** What happened, in a sentence; the fix of the reason is appended. */
  readonly message?: string;
  /** corr_id of the request, decimal. */
  readonly corrId?: string;
  readonly origin?: ErrorOrigin;
  readonly retryAfterMs?: number;
  /** Further facts for a program, such as `{ field: 'topic' }`. */
  readonly detail?: unknown;
  readonly cause?: unknown;
}

/**
 * The one error class of Omnigate, on both sides of the wire. A service throws
 * it to refuse a request; a client catches it and decides by `reason` and
 * `retryable`, never by the text.
 */
export class OapError extends Error {
  override readonly name = 'OapError';
  /** The registered row behind the fields below. */
  readonly reject: Reject;
  /** Registered reason, see registry/reject_reasons.json. */
  readonly reason: string;
  /** Status code, 400 to 507. */
  readonly status: number;
  /** Whether sending the same request again can help. */
  readonly retryable: boolean;
  readonly origin: ErrorOrigin;
  readonly corrId: string | undefined;
  /** How long to wait before a retry, milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly detail: unknown;
  /** What happened, without the fix and the facts that `message` adds; this much goes over the wire. */
  readonly what: string | undefined;

  constructor(reject: Reject, options: OapErrorOptions = {}) {
    super(composeMessage(reject, options), options.cause === undefined ? undefined : { cause: options.cause });
    this.reject = reject;
    this.reason = reject.reason;
    this.status = reject.status;
    this.retryable = reject.retryable;
    this.origin = options.origin ?? 'local';
    this.corrId = options.corrId;
    this.retryAfterMs = options.retryAfterMs;
    this.detail = options.detail;
    this.what = options.message;
  }

  /** Any thrown value as an OapError; one that is none becomes `internal` with the value as its cause. */
  static from(thrown: unknown): OapError {
    return thrown instanceof OapError ? thrown : new OapError(Reject.internal, { cause: thrown });
  }
}

function composeMessage(reject: Reject, options: OapErrorOptions): string {
  const what = options.message ?? 'Refused.';
  const corr = options.corrId === undefined ? '' : `, corr_id ${options.corrId}`;
  const fix = reject.fix === '' ? '' : ` ${reject.fix}`;
  return `${what}${fix} (${reject.status} ${reject.reason}${corr})`;
}
