import { randomUUID } from 'node:crypto';
import { encode } from '@msgpack/msgpack';
import { defineReject, OapError, Reject } from '@omnigate/kernel/wire';
import type { CallOptions } from '../call-options.ts';
import type { Fields } from '../fields.ts';

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

const BODY_NAME = Buffer.from('\x81\xa4body', 'latin1');
/** Most that comes before the bytes of a body. */
const BODY_HEAD_BYTES = 5;

/** One message, ready to be written (specs/mailbox-1.md §5). */
export class OutgoingMessage {
  readonly hasKey: boolean;
  /** At most so many bytes are written. */
  readonly bytes: number;
  readonly #body: Uint8Array;
  /** Its whole map, when it is more than a body. */
  readonly #map: Uint8Array | undefined;

  /** @throws TypeError when the body is none */
  constructor(body: string | Uint8Array, options: SendOptions | undefined) {
    const bytes: unknown = typeof body === 'string' ? UTF8.encode(body) : body;
    if (!(bytes instanceof Uint8Array)) throw new TypeError('the body of a message is text or a Uint8Array');
    const request = options === undefined ? undefined : requestOf(bytes, options);
    this.hasKey = request?.key !== undefined;
    this.#body = bytes;
    this.#map = request === undefined ? undefined : encode(request);
    this.bytes = this.#map?.length ?? BODY_NAME.length + BODY_HEAD_BYTES + bytes.length;
  }

  /** Writes the map of the message; returns the end of it. */
  write(into: Buffer, at: number): number {
    if (this.#map !== undefined) {
      into.set(this.#map, at);
      return at + this.#map.length;
    }
    const body = this.#body;
    into.set(BODY_NAME, at);
    const end = writeBinHead(into, at + BODY_NAME.length, body.length);
    into.set(body, end);
    return end + body.length;
  }

  encoded(): Uint8Array {
    const bytes = Buffer.allocUnsafe(this.bytes);
    return bytes.subarray(0, this.write(bytes, 0));
  }
}

function requestOf(body: Uint8Array, options: SendOptions): Fields {
  const { group, priority, delayMs, ttlMs, headers } = options;
  const key = options.key ?? (options.once === true ? randomUUID() : undefined);
  const request: Record<string, unknown> = { body };
  if (key !== undefined) request.key = key;
  if (group !== undefined) request.group = group;
  if (priority !== undefined) request.priority = priority;
  if (delayMs !== undefined) request.delay_ms = delayMs;
  if (ttlMs !== undefined) request.ttl_ms = ttlMs;
  if (headers !== undefined) request.headers = headers;
  return request;
}

/** The head of a bin of MessagePack. */
function writeBinHead(into: Buffer, at: number, length: number): number {
  if (length < 0x100) {
    into[at] = 0xc4;
    return into.writeUInt8(length, at + 1);
  }
  if (length < 0x1_0000) {
    into[at] = 0xc5;
    return into.writeUInt16BE(length, at + 1);
  }
  into[at] = 0xc6;
  return into.writeUInt32BE(length, at + 1);
}

/** Says how to avoid an unknown outcome, where that is what happened. */
export function explainUnknown(error: OapError): OapError {
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
