import { decodeMap, OapError, Reject } from '@omnigate/kernel/wire';
import { Exchange } from '../exchange.ts';
import type { ExchangeOwner, ReplyPart } from '../exchange.ts';
import type { CallTerms } from '../options.ts';
import { badField, readList } from '../fields.ts';
import { APP_MAILBOX, MailboxOp } from './operations.ts';
import { RecordReader } from './record-reader.ts';
import { readDeliveredMessage } from './stored-message.ts';
import type { DeliveredMessage } from './stored-message.ts';

/** Who reads a feed. */
export interface FeedReader {
  /** No message waits to be taken. */
  readonly idle: boolean;
  /** The subscription stands; what follows is delivered. */
  opened(feed: Feed): void;
  /** @param costBytes of each message, to be given back with `release()` */
  delivered(feed: Feed, messages: readonly DeliveredMessage[], costBytes: number): void;
  /** Nothing follows, and the node has ended all leases. */
  ended(feed: Feed, error: OapError): void;
}

/**
 * One SUBSCRIBE and its stream of records (specs/mailbox-1.md §7). Records are
 * read as they arrive, so that leases can be kept; credit for them is given back
 * when their messages are taken, so that no more than a window waits here.
 */
export class Feed extends Exchange {
  override readonly endless = true;
  /** The first record came. */
  stood = false;
  readonly #reader: FeedReader;
  #records = new RecordReader();
  /** Bytes that arrived and no credit was returned for. */
  #heldBytes = 0;

  constructor(owner: ExchangeOwner, request: Uint8Array, terms: CallTerms, reader: FeedReader) {
    super(owner, APP_MAILBOX, MailboxOp.SUBSCRIBE, request, terms);
    this.#reader = reader;
  }

  /** Messages were taken that cost this many bytes; with `all`, nothing waits any more. */
  release(bytes: number, all: boolean): void {
    const released = all ? this.#heldBytes : Math.min(bytes, this.#heldBytes);
    if (released === 0) return;
    this.#heldBytes -= released;
    this.carrier?.consumed(this, released);
  }

  override receivePart({ bytes, compressed }: ReplyPart): void {
    const { carrier } = this;
    if (carrier === undefined) return;
    this.#heldBytes += bytes.length;
    this.#records.push(compressed ? carrier.decompress(this, bytes) : bytes, (record) => {
      if (!this.settled) this.#receive(record);
    });
    // A record may be longer than the window, so that its rest needs credit before anything can be taken.
    if (this.#reader.idle) this.release(0, true);
  }

  override receiveWhole(): void {
    this.receiveEnd();
  }

  override receiveEnd(): void {
    this.fail(new OapError(Reject.bad_response, { message: 'The mailbox ended a subscription, which has no end.', corrId: this.corrId }));
  }

  override rewind(): boolean {
    this.upload = undefined;
    this.credit = undefined;
    this.#heldBytes = 0;
    this.#records = new RecordReader();
    return !this.stood;
  }

  protected override reject(error: OapError): void {
    this.#reader.ended(this, error);
  }

  #receive(record: Uint8Array): void {
    const fields = decodeMap(record);
    if (fields === undefined) throw badField('');
    const messages = readList(fields, 'messages').map(readDeliveredMessage);
    if (!this.stood) {
      this.stood = true;
      this.#reader.opened(this);
    }
    if (messages.length > 0) this.#reader.delivered(this, messages, Math.ceil(record.length / messages.length));
  }
}
