export { mailboxService } from './service.ts';
export type { MailboxOptions } from './service.ts';
export { MailboxReject } from './rejects.ts';
