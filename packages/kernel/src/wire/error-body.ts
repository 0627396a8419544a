import { encode } from '@msgpack/msgpack';
import { ERROR_TEXT_CHARS_MAX } from '../limits.ts';
import { decodeMap, isCount } from './messagepack.ts';
import { OapError } from './oap-error.ts';
import { defineReject, Reject, rejectByReason } from './reject.ts';

/** Fields of an error reply beside its reason. */
export interface ErrorFields {
  /** For people; the reason's fix when absent. */
  readonly message?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly detail?: unknown;
}

/** What a registered reason looks like; anything else could forge lines of a log. */
const REASON = /^[a-z][a-z0-9_]{0,63}$/;

/** Body of an error reply: a MessagePack map (specs/oap-1.md §8.1). */
export function encodeErrorBody(reject: Reject, fields: ErrorFields = {}): Uint8Array {
  const body: Record<string, unknown> = {
    reason: reject.reason,
    message: textFor(reject, fields.message).slice(0, ERROR_TEXT_CHARS_MAX),
  };
  if (fields.retryAfterMs !== undefined) body.retry_after_ms = fields.retryAfterMs;
  if (fields.detail !== undefined) body.detail = fields.detail;
  return encode(body);
}

/** Clients know what to do about the reasons of the protocol, and are told about those of services. */
function textFor({ reason, fix }: Reject, message: string | undefined): string {
  if (message === undefined) return fix;
  return rejectByReason(reason) !== undefined || message.endsWith(fix) ? message : `${message} ${fix}`;
}

/** A refusal that is no error yet: making one costs more than sending it. */
interface Refused extends ErrorFields {
  readonly reject: Reject;
}

/** Body of the error reply that tells a peer of `error`; its cause and stack stay here. */
export function encodeError(error: OapError | Refused): Uint8Array {
  if (!(error instanceof OapError)) return encodeErrorBody(error.reject, error);
  const { what, retryAfterMs, detail } = error;
  return encodeErrorBody(error.reject, { message: what, retryAfterMs, detail });
}

/**
 * The error an error reply stands for. A reason this side does not know keeps
 * its name and is judged by the status: 429 and 503 may be tried again.
 */
export function decodeErrorBody(status: number, payload: Uint8Array, corrId: string): OapError {
  const map = decodeMap(payload);
  const reason = map?.reason;
  if (map === undefined || typeof reason !== 'string' || !REASON.test(reason)) {
    return new OapError(Reject.bad_response, {
      message: `The node answered ${status} with an unreadable error body.`,
      corrId,
      origin: 'remote',
    });
  }
  const known = rejectByReason(reason);
  const reject = known?.status === status ? known : defineReject(reason, status, status === 429 || status === 503, 'K', '');
  const message = typeof map.message === 'string' && map.message !== reject.fix ? map.message : 'The node refused.';
  const retryAfterMs = map.retry_after_ms;
  return new OapError(reject, {
    message: message.slice(0, ERROR_TEXT_CHARS_MAX),
    corrId,
    origin: 'remote',
    ...(isCount(retryAfterMs) ? { retryAfterMs } : {}),
    ...(map.detail === undefined ? {} : { detail: map.detail }),
  });
}
