export { BODY_BYTES_MAX } from './limits.ts';
export { mailboxService } from './service.ts';
export type { MailboxOptions } from './service.ts';
export { MailboxReject } from './rejects.ts';
