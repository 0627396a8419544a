/** app_proto_id of the mailbox. */
export const APP_MAILBOX = 16;

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
