import { OapError, Reject } from '@omnigate/kernel/wire';

/**
 * The error for a compressed reply that is not decoded. The application can do
 * nothing about compression, so its reason is `bad_response`; detail.reason is
 * the one by which a node would have refused the same bytes.
 */
export function refuseReply(reject: Reject, what: string, cause?: unknown): OapError {
  return new OapError(Reject.bad_response, {
    message: `The node sent a compressed reply that is not safe to decode: ${what}.`,
    detail: { reason: reject.reason },
    cause,
  });
}

/** As above, for bytes that are no zstd frame of the profile. */
export function malformed(what: string, cause?: unknown): OapError {
  return refuseReply(Reject.comp_malformed, what, cause);
}
