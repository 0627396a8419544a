import type { PeekedMessage, StoredMessage } from '@omnigate/sdk';
import { PREVIEW_CHARACTERS_MAX } from '../limits.ts';
import { namedValues, printable } from '../plain-text.ts';
import { formatMoment } from '../time.ts';

const PRIORITY_DEFAULT = 4;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A message, of which only one that was looked at is due at some time. */
type ShownMessage = StoredMessage & Partial<Pick<PeekedMessage, 'dueMs'>>;

/** A message for programs, by the names of specs/mailbox-1.md §6.2; a body that is no text is `body_base64` in place of `body`. */
export function messageJson({ id, body, deliveries, sentAtMs, priority, key, group, headers, e2e, dead, dueMs }: ShownMessage) {
  const text = e2e ? undefined : textOf(body);
  return {
    id,
    deliveries,
    sent_at_ms: sentAtMs,
    due_ms: dueMs,
    priority,
    key,
    group,
    headers,
    e2e,
    dead: dead === undefined ? undefined : { topic: dead.topic, reason: dead.reason, deliveries: dead.deliveries, at_ms: dead.atMs },
    ...(text === undefined ? { body_base64: Buffer.from(body).toString('base64') } : { body: text }),
  };
}

/** A message on one line, for people; a long body is cut. */
export function messageText(message: PeekedMessage): string {
  const { id, body, deliveries, sentAtMs, priority, key, group, headers, e2e, dead, dueMs } = message;
  const facts = {
    deliveries,
    due: dueMs === undefined ? undefined : formatMoment(dueMs),
    priority: priority === PRIORITY_DEFAULT ? undefined : priority,
    key,
    group,
    headers: Object.keys(headers).length === 0 ? undefined : headers,
    ...(dead === undefined ? {} : { source: dead.topic, reason: dead.reason, died_after: dead.deliveries, dead_at: formatMoment(dead.atMs) }),
    bytes: body.length,
  };
  const text = e2e ? undefined : textOf(body);
  const shown = e2e ? '(ciphertext)' : text === undefined ? '(not text)' : cut(text);
  return printable(`${id} ${formatMoment(sentAtMs)}${namedValues(facts)}  ${shown}`).trimEnd();
}

/** The body as a terminal may show it: without what could steer it, but for ends of lines. */
export function bodyForTerminal({ body }: StoredMessage): string {
  return Buffer.from(body).toString().split('\n').map(printable).join('\n');
}

function cut(text: string): string {
  const characters = Array.from(text.slice(0, 2 * PREVIEW_CHARACTERS_MAX + 2));
  return characters.length > PREVIEW_CHARACTERS_MAX ? `${characters.slice(0, PREVIEW_CHARACTERS_MAX).join('')}...` : text;
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return UTF8.decode(body);
  } catch {
    return undefined;
  }
}
