import { defineReject } from '@omnigate/kernel';

/** The reasons of the mailbox beside those of the protocol (specs/mailbox-1.md §9). */
export const MailboxReject = {
  topic_unknown: defineReject('topic_unknown', 404, false, 'K', 'Check the name of the topic, or make it with CONFIGURE.'),
  idempotency_conflict: defineReject('idempotency_conflict', 409, false, 'K', 'Use another key for another body.'),
  body_too_large: defineReject('body_too_large', 413, false, 'K', 'Send a smaller body, or store it and send its identifier.'),
  mailbox_quota: defineReject('mailbox_quota', 429, true, 'K', 'Receive or purge messages of the topic, or ask the operator for a larger quota.'),
  receivers_max: defineReject('receivers_max', 429, true, 'K', 'End receivers that are not needed, or let one ask for more messages at a time.'),
  mailbox_busy: defineReject('mailbox_busy', 503, true, 'K', 'Send the request again after retry_after_ms.'),
  mailbox_full: defineReject('mailbox_full', 507, false, 'K', 'Free space on the disk of the node, or receive messages so that it has room again.'),
} as const;
