import { decodeErrorBody, Flag, OapError } from '@omnigate/kernel/wire';
import { MAILBOX_SEND_BYTES, MAILBOX_SENDS_MAX } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { readCallTerms } from '../call-options.ts';
import { asFields, badField, readBytes, readCount, readFlag, readList, readText } from '../fields.ts';
import type { Fields } from '../fields.ts';
import type { MailboxLink } from './mailbox-link.ts';
import { MailboxOp } from './operations.ts';
import { explainUnknown, OutgoingMessage } from './send.ts';
import type { SendOptions, SendResult } from './send.ts';
import { SendWriter } from './send-writer.ts';

/** Who waits for what becomes of a message. */
interface Sending {
  /** Where its map is among those of the batch. */
  readonly start: number;
  readonly end: number;
  readonly resolve: (result: SendResult) => void;
  readonly reject: (error: OapError) => void;
}

/** Messages that leave together. All have keys, or none has. */
interface Batch {
  readonly writer: SendWriter;
  readonly hasKeys: boolean;
  readonly sendings: Sending[];
}

/** What the node says of the messages of one request (specs/mailbox-1.md §5.4). */
interface Verdicts {
  readonly ids: readonly unknown[];
  readonly durability: string;
  readonly duplicates: ReadonlySet<unknown>;
  readonly errors: ReadonlyMap<number, OapError>;
}

/**
 * What one mailbox sends. Messages of one turn of the event loop leave together
 * in one request, since what they cost is requests; one that comes alone, or
 * with terms of its own, has a request of its own. Their order is kept.
 */
export class Sends {
  readonly #link: MailboxLink;
  readonly #topic: string;
  readonly #terms: CallTerms;
  #batch: Batch | undefined;

  constructor(link: MailboxLink, topic: string, terms: CallTerms) {
    this.#link = link;
    this.#topic = topic;
    this.#terms = terms;
  }

  send(body: string | Uint8Array, options: SendOptions | undefined): Promise<SendResult> {
    // What is wrong with an option rejects, as everything else does.
    return new Promise((resolve, reject) => {
      const message = new OutgoingMessage(body, options);
      const hasOwnTerms = options !== undefined && (options.signal !== undefined || options.deadlineMs !== undefined || options.e2e === true);
      if (!hasOwnTerms && message.bytes <= MAILBOX_SEND_BYTES) {
        this.#add(message, resolve, reject);
        return;
      }
      const terms = options === undefined ? this.#terms : readCallTerms(options, this.#terms);
      const flagged = options?.e2e === true ? { ...terms, flags: Flag.APP_E2E } : terms;
      // What was sent before has to be there before.
      this.#flush();
      resolve(this.#alone(message.encoded(), message.hasKey, flagged));
    });
  }

  #add(message: OutgoingMessage, resolve: Sending['resolve'], reject: Sending['reject']): void {
    let batch = this.#batch;
    if (batch !== undefined && (batch.hasKeys !== message.hasKey || batch.sendings.length === MAILBOX_SENDS_MAX || batch.writer.bytes + message.bytes > MAILBOX_SEND_BYTES)) {
      this.#flush();
      batch = undefined;
    }
    if (batch === undefined) {
      batch = { writer: new SendWriter(this.#topic), hasKeys: message.hasKey, sendings: [] };
      this.#batch = batch;
      // After all promises that this turn settles, so that what they send goes along.
      process.nextTick(this.#flush);
      this.#link.holdBack(this.#flush);
    }
    const start = batch.writer.bytes;
    // Written now: the body is the caller's again.
    batch.writer.add(message);
    batch.sendings.push({ start, end: batch.writer.bytes, resolve, reject });
  }

  readonly #flush = (): void => {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    this.#link.release(this.#flush);
    const [only] = batch.sendings;
    if (batch.sendings.length === 1 && only !== undefined) this.#again(batch, only);
    else void this.#exchange(batch);
  };

  /** Sends one message of a batch in a request of its own. */
  #again({ writer, hasKeys }: Batch, { start, end, resolve, reject }: Sending): void {
    this.#alone(writer.message(start, end), hasKeys, this.#terms).then(resolve, reject);
  }

  /** @param message its map, as encoded */
  async #alone(message: Uint8Array, hasKey: boolean, terms: CallTerms): Promise<SendResult> {
    try {
      const { fields } = await this.#link.callEncoded(MailboxOp.SEND, SendWriter.alone(this.#topic, message), terms, hasKey);
      return { id: readText(fields, 'id'), duplicate: readFlag(fields, 'duplicate'), durability: readText(fields, 'durability') };
    } catch (error) {
      throw hasKey ? error : explainUnknown(OapError.from(error));
    }
  }

  async #exchange(batch: Batch): Promise<void> {
    const { writer, hasKeys, sendings } = batch;
    let verdicts: Verdicts;
    try {
      const { fields } = await this.#link.callEncoded(MailboxOp.SEND, writer.take(sendings.length), this.#terms, hasKeys);
      verdicts = readVerdicts(fields, sendings.length);
    } catch (thrown) {
      const error = hasKeys ? OapError.from(thrown) : explainUnknown(OapError.from(thrown));
      for (const { reject } of sendings) reject(error);
      return;
    }
    const { ids, durability, duplicates, errors } = verdicts;
    for (let at = 0; at < sendings.length; at++) {
      const sending = sendings[at] as Sending;
      const id = ids[at];
      if (typeof id === 'string') sending.resolve({ id, duplicate: duplicates.has(at), durability });
      else this.#refused(batch, sending, errors.get(at));
    }
  }

  /** One that another attempt may help gets it, with the pauses of a request of its own. */
  #refused(batch: Batch, sending: Sending, error: OapError = badField('errors')): void {
    if (error.retryable && this.#terms.retry) this.#again(batch, sending);
    else sending.reject(error);
  }
}

/** @throws OapError bad_response */
function readVerdicts(fields: Fields, count: number): Verdicts {
  const ids = readList(fields, 'ids');
  if (ids.length !== count || !ids.every((id) => id === null || typeof id === 'string')) throw badField('ids');
  const errors = new Map<number, OapError>();
  for (const value of fields.errors === undefined ? [] : readList(fields, 'errors')) {
    const error = asFields(value, 'errors');
    errors.set(readCount(error, 'at'), decodeErrorBody(readCount(error, 'status'), readBytes(error, 'error'), ''));
  }
  return {
    ids,
    durability: readText(fields, 'durability'),
    duplicates: new Set(fields.duplicates === undefined ? [] : readList(fields, 'duplicates')),
    errors,
  };
}
