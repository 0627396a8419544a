import { TOPIC_BYTES_MAX } from '../limits.ts';

/** A segment that is `.` or `..`, or what no topic may contain (specs/capability-1.md §5.4). */
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const FORBIDDEN = /(?:^|\/)(?:\.{1,2})?(?:\/|$)|[\u0000-\u001f\u007f-\u009f\\]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a text can be told in UTF-8: it has no half of a pair alone. */
export function isUnicode(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** Calls in a row name the same topic, mostly. */
let lastName = '';

/** Whether a text is the name of a topic (specs/mailbox-1.md §1.3). */
export function isTopicName(text: string): boolean {
  if (text.length === 0 || text === lastName) return text.length > 0;
  // No UTF-16 unit takes more than three bytes, and none less than one.
  if (text.length > TOPIC_BYTES_MAX) return false;
  const isName = !FORBIDDEN.test(text) && isUnicode(text) && Buffer.byteLength(text) <= TOPIC_BYTES_MAX;
  if (isName) lastName = text;
  return isName;
}
