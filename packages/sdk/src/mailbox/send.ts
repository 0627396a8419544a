import { randomUUID } from 'node:crypto';
import { defineReject, Flag, OapError, Reject } from '@omnigate/kernel/wire';
import type { CallTerms } from '../options.ts';
import { readCallTerms } from '../call-options.ts';
import type { CallOptions } from '../call-options.ts';
import { readFlag, readText } from '../fields.ts';
import type { Fields } from '../fields.ts';
import type { MailboxLink } from './mailbox-link.ts';
import { MailboxOp } from './operations.ts';

/** What a message may be sent with. */
export interface SendOptions extends CallOptions {
  /**
   * 1 to 256 bytes of UTF-8. Sending the same body under a key that the topic
   * still knows gives the id of the first message, so the client may repeat the
   * send when its outcome is unknown.
   */
  readonly key?: string | undefined;
  /**
   * The client makes a key, so that it may repeat the send and the message is
   * there once. It costs the node an index entry for the `dedup_window_ms` of the
   * topic, which is why it is not the default.
   */
  readonly once?: boolean | undefined;
  /** Messages of a group are delivered one after the other, in the order of sending; 1 to 256 bytes. */
  readonly group?: string | undefined;
  /** 0 to 9, higher is delivered first; 4. */
  readonly priority?: number | undefined;
  /** Time before the message may be delivered, 0 to 2,592,000,000 ms; 0. */
  readonly delayMs?: number | undefined;
  /** Time after which it is dropped when nobody has it, 1 to 31,536,000,000 ms; none. */
  readonly ttlMs?: number | undefined;
  /** At most 32, and 4,096 bytes in all. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The body is the applications' own ciphertext, which receivers are told. */
  readonly e2e?: boolean | undefined;
}

/** What became of a send. */
export interface SendResult {
  /** ULID of the message; that of the first one when the key was known. */
  readonly id: string;
  /** The key was known, and no second message was made. */
  readonly duplicate: boolean;
  /** What the message survives: `disk`, `memory` or `replicated`; take an unknown word for less. */
  readonly durability: string;
}

const UTF8 = new TextEncoder();
const UNKNOWN_FIX = 'Give a key, or once: true, so that a repeated send leaves one message.';
const UNKNOWN = [Reject.connection_lost, Reject.internal].map(({ reason, status, retryable }) =>
  defineReject(reason, status, retryable, 'L', UNKNOWN_FIX),
);

/** SEND (specs/mailbox-1.md §5). */
export async function send(
  link: MailboxLink,
  topic: string,
  terms: CallTerms,
  body: string | Uint8Array,
  options: SendOptions | undefined,
): Promise<SendResult> {
  const { request, hasKey } = sendRequest(topic, body, options);
  const callTerms = options === undefined ? terms : readCallTerms(options, terms);
  const flagged = options?.e2e === true ? { ...callTerms, flags: Flag.APP_E2E } : callTerms;
  try {
    const { fields } = await link.call(MailboxOp.SEND, request, flagged, hasKey);
    return { id: readText(fields, 'id'), duplicate: readFlag(fields, 'duplicate'), durability: readText(fields, 'durability') };
  } catch (error) {
    throw hasKey ? error : explainUnknown(OapError.from(error));
  }
}

function sendRequest(topic: string, body: string | Uint8Array, options: SendOptions | undefined): { request: Fields; hasKey: boolean } {
  const bytes = typeof body === 'string' ? UTF8.encode(body) : body;
  if (!(bytes instanceof Uint8Array)) throw new TypeError('the body of a message is text or a Uint8Array');
  if (options === undefined) return { request: { topic, body: bytes }, hasKey: false };
  const { group, priority, delayMs, ttlMs, headers } = options;
  const key = options.key ?? (options.once === true ? randomUUID() : undefined);
  const request: Record<string, unknown> = { topic, body: bytes };
  if (key !== undefined) request.key = key;
  if (group !== undefined) request.group = group;
  if (priority !== undefined) request.priority = priority;
  if (delayMs !== undefined) request.delay_ms = delayMs;
  if (ttlMs !== undefined) request.ttl_ms = ttlMs;
  if (headers !== undefined) request.headers = headers;
  return { request, hasKey: key !== undefined };
}

/** Says how to avoid an unknown outcome, where that is what happened. */
function explainUnknown(error: OapError): OapError {
  const reject = UNKNOWN.find(({ reason }) => reason === error.reason);
  if (reject === undefined) return error;
  const { what, corrId, origin, detail } = error;
  return new OapError(reject, {
    message: what ?? 'Whether the message was sent is unknown.',
    origin,
    detail,
    cause: error,
    ...(corrId === undefined ? {} : { corrId }),
  });
}
