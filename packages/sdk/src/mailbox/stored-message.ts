import { MAILBOX_RECEIPT_BYTES_MAX } from '../limits.ts';
import { asFields, badField, readBytes, readCount, readOptionalBytes, readOptionalCount, readOptionalText, readText } from '../fields.ts';
import type { Fields } from '../fields.ts';

/** Why a message is in a dead-letter topic. */
export interface DeadLetter {
  /** Where it was. */
  readonly topic: string;
  /** How its last lease ended: `expired` or `nacked`. */
  readonly reason: string;
  /** How often it was delivered there. */
  readonly deliveries: number;
  /** Unix time, milliseconds. */
  readonly atMs: number;
}

/** What a message is, whoever looks at it. */
export interface StoredMessage {
  /** ULID; rises within the topic in the order of sending. */
  readonly id: string;
  /** As it was sent. It shares memory with messages that came with it: copy what you keep for long. */
  readonly body: Uint8Array;
  /** How often delivery began, this one included; from 0 for a message that is only looked at. */
  readonly deliveries: number;
  /** Unix time of sending, milliseconds. */
  readonly sentAtMs: number;
  /** 0 to 9, higher is delivered first. */
  readonly priority: number;
  readonly key: string | undefined;
  readonly group: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The body is ciphertext of the applications. */
  readonly e2e: boolean;
  /** Present in a dead-letter topic. */
  readonly dead: DeadLetter | undefined;
}

/** A message that `peek()` found. */
export interface PeekedMessage extends StoredMessage {
  /** When it is due, Unix milliseconds: the end of its delay or lease. */
  readonly dueMs: number | undefined;
}

/** A message that a receiver got, and its receipt unless it was acknowledged by being handed out. */
export interface DeliveredMessage {
  readonly stored: StoredMessage;
  readonly receipt: Uint8Array | undefined;
}

const PRIORITY_DEFAULT = 4;
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/**
 * A message as the node sent it (specs/mailbox-1.md §6.2).
 *
 * @throws OapError bad_response
 */
function readStoredMessage(fields: Fields): StoredMessage {
  return {
    id: readText(fields, 'id'),
    body: readBytes(fields, 'body'),
    deliveries: readCount(fields, 'deliveries'),
    sentAtMs: readCount(fields, 'sent_at_ms'),
    priority: readOptionalCount(fields, 'priority') ?? PRIORITY_DEFAULT,
    key: readOptionalText(fields, 'key'),
    group: readOptionalText(fields, 'group'),
    headers: fields.headers === undefined ? NO_HEADERS : readHeaders(fields.headers),
    e2e: fields.e2e === true,
    dead: fields.dead === undefined ? undefined : readDeadLetter(asFields(fields.dead, 'dead')),
  };
}

export function readPeekedMessage(value: unknown): PeekedMessage {
  const fields = asFields(value, 'messages');
  return { ...readStoredMessage(fields), dueMs: readOptionalCount(fields, 'due_ms') };
}

export function readDeliveredMessage(value: unknown): DeliveredMessage {
  const fields = asFields(value, 'messages');
  const receipt = readOptionalBytes(fields, 'receipt');
  if (receipt !== undefined && receipt.length > MAILBOX_RECEIPT_BYTES_MAX) throw badField('receipt');
  return { stored: readStoredMessage(fields), receipt };
}

function readDeadLetter(fields: Fields): DeadLetter {
  return {
    topic: readText(fields, 'topic'),
    reason: readText(fields, 'reason'),
    deliveries: readCount(fields, 'deliveries'),
    atMs: readCount(fields, 'at_ms'),
  };
}

function readHeaders(value: unknown): Readonly<Record<string, string>> {
  const headers = asFields(value, 'headers');
  if (!Object.values(headers).every((text) => typeof text === 'string')) throw badField('headers');
  return headers as Readonly<Record<string, string>>;
}
