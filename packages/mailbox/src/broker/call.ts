import type { Fields } from '../codec/fields.ts';
import type { Writer } from '../codec/writer.ts';

/** Operations of the mailbox (specs/mailbox-1.md). */
export const MailboxOp = {
  SEND: 1,
  RECV: 2,
  ACK: 3,
  NACK: 4,
  EXTEND: 5,
  SUBSCRIBE: 6,
  DELETE: 7,
  PEEK: 8,
  STATS: 9,
  REDRIVE: 10,
  PURGE: 11,
  CONFIGURE: 12,
} as const;

/** One request as the broker sees it. */
export interface BrokerCall {
  /** Names the call among those that are open. */
  readonly callId: number;
  readonly op: number;
  /** Binary string of 16 bytes. */
  readonly tenant: string;
  /** The body is the application's own ciphertext. */
  readonly endToEnd: boolean;
  readonly fields: Fields;
}

/** One request as it came. */
export type RawCall = Omit<BrokerCall, 'fields'> & { readonly payload: Uint8Array };

/** Where answers go. They leave when the step is durable. */
export interface Replies {
  /** Bytes of the answers of this step. */
  readonly bytes: number;
  /** Begins the one answer to a call; what is written becomes its payload. */
  begin(callId: number): Writer;
  /** Begins one of several parts of an answer. */
  beginPart(callId: number): Writer;
  /**
   * Ends what was begun.
   *
   * @param sated the receiver has as many messages as it may have
   */
  end(endToEnd: boolean, sated?: boolean): void;
  /** Answers with an error, in place of what was begun. */
  fail(callId: number, thrown: unknown): void;
}
