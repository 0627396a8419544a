import type { Refusal } from '../admission.ts';
import { retryAfterMs } from '../retry-after.ts';
import { encodeError, encodeErrorBody } from '../wire/error-body.ts';
import { OapError } from '../wire/oap-error.ts';

/** Body of the reply to a frame that was refused. Whoever may come back is told when, also where nobody knows (specs/oap-1.md §8.1). */
export function encodeRefusal(error: OapError | Refusal): Uint8Array {
  const { reject, detail } = error;
  if (!reject.retryable || error.retryAfterMs !== undefined) return encodeError(error);
  const message = error instanceof OapError ? error.what : error.message;
  return encodeErrorBody(reject, { message, detail, retryAfterMs: retryAfterMs(0, Math.random()) });
}
