import { TOPIC_CHARS_MAX } from '../limits.ts';

/**
 * Topics and paths (specs/capability-1.md §5.4): segments joined by `/`. There is
 * no normalisation. What would need some is refused, so that a service and this
 * page cannot disagree about what a topic means.
 */

const SLASH = 0x2f;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/**
 * Whether `text` is a topic: 1 to TOPIC_CHARS_MAX UTF-16 units of well-formed
 * Unicode, no empty segment, no `.` and `..`, no backslash, no control character.
 */
export function isTopic(text: string): boolean {
  const { length } = text;
  if (length === 0 || length > TOPIC_CHARS_MAX) return false;
  let segmentStart = 0;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === SLASH) {
      if (!isSegment(text, segmentStart, at)) return false;
      segmentStart = at + 1;
    } else if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f) || unit === BACKSLASH) {
      return false;
    } else if (unit >= 0xd800 && unit <= 0xdfff) {
      // A high surrogate and its low one, or the text is not Unicode.
      const next = at + 1 < length ? text.charCodeAt(at + 1) : 0;
      if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) return false;
      at += 1;
    }
  }
  return isSegment(text, segmentStart, length);
}

function isSegment(text: string, start: number, end: number): boolean {
  const length = end - start;
  if (length === 0) return false;
  if (length > 2 || text.charCodeAt(start) !== DOT) return true;
  return length === 2 && text.charCodeAt(start + 1) !== DOT;
}

/** Whether `text` may stand in a prefix caveat: a topic, or a topic and a slash; without comma, which separates them. */
export function isPrefix(text: string): boolean {
  return !text.includes(',') && isTopic(text.endsWith('/') ? text.slice(0, -1) : text);
}

/**
 * Whether a prefix admits a topic, segment by segment: `a/` what is below `a`,
 * `a` also `a` itself. Both must be valid, see {@link isTopic} and {@link isPrefix}.
 */
export function prefixAdmits(prefix: string, topic: string): boolean {
  if (!topic.startsWith(prefix)) return false;
  const { length } = prefix;
  return topic.length === length || prefix.charCodeAt(length - 1) === SLASH || topic.charCodeAt(length) === SLASH;
}
