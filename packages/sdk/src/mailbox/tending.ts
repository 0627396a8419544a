import { OapError, Reject } from '@omnigate/kernel/wire';
import { MAILBOX_PAGES_MAX } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { asFields, readCount, readFlag, readList, readOptionalBytes, readWord } from '../fields.ts';
import type { Fields } from '../fields.ts';
import type { MailboxLink } from './mailbox-link.ts';
import { MailboxOp } from './operations.ts';
import { readStats } from './settings.ts';
import type { TopicStats } from './settings.ts';
import { readPeekedMessage } from './stored-message.ts';
import type { PeekedMessage } from './stored-message.ts';

/** A state in which `peek()` and `purge()` find messages. */
export type MessageState = 'ready' | 'blocked' | 'delayed' | 'leased';

/** One page of messages that were looked at. */
export interface PeekPage {
  readonly messages: readonly PeekedMessage[];
  /** Given as `after` it goes on behind this page; undefined at the end. */
  readonly next: Uint8Array | undefined;
}

/** What became of a message that was to be deleted: `pending` goes when its lease or delay ends, undelivered. */
export type DeleteOutcome = 'deleted' | 'pending' | 'gone';

/** What a redrive did. */
export interface RedriveResult {
  readonly moved: number;
  /** False when a quota or `max` stopped it. */
  readonly complete: boolean;
}

/** What a redrive looks for. */
export interface RedriveRequest {
  readonly from: string;
  readonly to: string;
  readonly max: number;
  readonly filter: Fields;
  readonly onProgress: ((moved: number) => void) | undefined;
}

/** What a purge looks for. */
export interface PurgeRequest {
  readonly topic: string;
  readonly state: string;
  readonly max: number;
  readonly onProgress: ((purged: number) => void) | undefined;
}

const REDRIVE_MAX = 1_024;
const PURGE_MAX = 1_024;

/** PEEK (specs/mailbox-1.md §8.2). */
export async function peek(link: MailboxLink, request: Fields, terms: CallTerms): Promise<PeekPage> {
  const { fields } = await link.call(MailboxOp.PEEK, request, terms, true);
  return { messages: readList(fields, 'messages').map(readPeekedMessage), next: readOptionalBytes(fields, 'next') };
}

/** DELETE (specs/mailbox-1.md §8.1). */
export async function deleteMessage(link: MailboxLink, topic: string, id: string, terms: CallTerms): Promise<DeleteOutcome> {
  const { fields, repeated } = await link.call(MailboxOp.DELETE, { topic, id }, terms, true);
  const outcome = readWord(fields, 'outcome', ['deleted', 'pending', 'gone'] as const);
  return repeated && outcome === 'gone' ? 'deleted' : outcome;
}

/** STATS of one topic (specs/mailbox-1.md §8.3). */
export async function stats(link: MailboxLink, topic: string, terms: CallTerms): Promise<TopicStats> {
  const { fields } = await link.call(MailboxOp.STATS, { topic }, terms, true);
  return readStats(fields, asFields(fields.settings, 'settings'));
}

/** PURGE until nothing is left, or `max` are gone (specs/mailbox-1.md §8.5). */
export async function purge(link: MailboxLink, { topic, state, max, onProgress }: PurgeRequest, terms: CallTerms): Promise<number> {
  let purged = 0;
  for (let page = 0; page < MAILBOX_PAGES_MAX; page++) {
    const request = { topic, state, max: Math.min(max - purged, PURGE_MAX) };
    const { fields } = await link.call(MailboxOp.PURGE, request, terms, true);
    purged += readCount(fields, 'purged');
    onProgress?.(purged);
    if (!readFlag(fields, 'more') || purged >= max) return purged;
  }
  throw endless();
}

/** REDRIVE until the end of `from`, or `max` were moved (specs/mailbox-1.md §8.4). */
export async function redrive(link: MailboxLink, { from, to, max, filter, onProgress }: RedriveRequest, terms: CallTerms): Promise<RedriveResult> {
  let moved = 0;
  let after: Uint8Array | undefined;
  for (let page = 0; page < MAILBOX_PAGES_MAX; page++) {
    const request = { from, to, max: Math.min(max - moved, REDRIVE_MAX), filter, ...(after === undefined ? {} : { after }) };
    let fields: Fields;
    try {
      ({ fields } = await link.call(MailboxOp.REDRIVE, request, terms, true));
    } catch (thrown) {
      const error = OapError.from(thrown);
      if (moved > 0 && error.reason === 'mailbox_quota') return { moved, complete: false };
      throw error;
    }
    moved += readCount(fields, 'moved');
    onProgress?.(moved);
    after = readOptionalBytes(fields, 'next');
    if (after === undefined) return { moved, complete: true };
    if (moved >= max) return { moved, complete: false };
  }
  throw endless();
}

/** The error for a node that always has one more page. */
export function endless(): OapError {
  const message = `The mailbox had no end after ${MAILBOX_PAGES_MAX} answers.`;
  return new OapError(Reject.bad_response, { message });
}
