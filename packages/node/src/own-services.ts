import { join } from 'node:path';
import type { Logger, Reject, Service } from '@omnigate/kernel';
import { MailboxReject, mailboxService } from '@omnigate/mailbox';
import { StorageReject, storageService } from '@omnigate/storage';
import type { Settings } from './config/settings.ts';
import { echoService } from './echo-service.ts';

/** Reasons with which the services below refuse. */
export const SERVICE_REJECTS: readonly Reject[] = [...Object.values(MailboxReject), ...Object.values(StorageReject)];

/**
 * The services that every node has, in the order in which they start. Making them
 * touches no file.
 *
 * @param data data directory of the node, where each has a folder of its own
 */
export function ownServices(data: string, settings: Settings, logger: Logger): Service[] {
  return [
    echoService,
    mailboxService({ path: join(data, 'mailbox'), bodyBytesMax: settings.mailboxBodyBytesMax, logger }),
    storageService({
      path: join(data, 'storage'),
      quotaBytes: settings.storageQuotaBytes,
      quotaBlobs: settings.storageQuotaBlobs,
      graceMs: settings.storageGraceMs,
      scrubBytesPerSecond: settings.storageScrubBytesPerSecond,
      logger,
    }),
  ];
}
