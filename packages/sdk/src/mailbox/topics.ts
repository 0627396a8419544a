import { MAILBOX_PAGES_MAX } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { asFields, readList, readOptionalText } from '../fields.ts';
import type { MailboxLink } from './mailbox-link.ts';
import { MailboxOp } from './operations.ts';
import { readDefaults, readStats, settingsRequest } from './settings.ts';
import type { TopicDefaults, TopicStats } from './settings.ts';
import { endless } from './tending.ts';

/** STATS of all topics, page by page. */
export async function* listTopics(link: MailboxLink, terms: CallTerms): AsyncGenerator<TopicStats, undefined> {
  let after: string | undefined;
  for (let page = 0; page < MAILBOX_PAGES_MAX; page++) {
    const { fields } = await link.call(MailboxOp.STATS, after === undefined ? {} : { after }, terms, true);
    for (const value of readList(fields, 'topics')) {
      const topic = asFields(value, 'topics');
      yield readStats(topic, asFields(topic.settings, 'settings'));
    }
    after = readOptionalText(fields, 'next');
    if (after === undefined) return undefined;
  }
  throw endless();
}

/** CONFIGURE without a topic (specs/mailbox-1.md §8.6). */
export async function configureDefaults(
  link: MailboxLink,
  defaults: Partial<TopicDefaults>,
  terms: CallTerms,
): Promise<TopicDefaults> {
  const { fields } = await link.call(MailboxOp.CONFIGURE, settingsRequest(defaults), terms, true);
  return readDefaults(fields);
}
