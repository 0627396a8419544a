/**
 * Every bound of ronctl, with its reason; the unit is in the name.
 * docs/LIMITS.md lists the same names and a check compares the two.
 */

/** Capability text that is read from a file or standard input: the longest token, and white space around it. */
export const TOKEN_TEXT_BYTES_MAX = 8_192;
/** Records that `audit tail` shows of what is there already: they are held in memory, and more are better read from the files. */
export const TAIL_RECORDS_MAX = 10_000;
/** How often `audit tail --follow` looks for new records: soon enough for a person. */
export const FOLLOW_POLL_MS = 200;
/** One message (specs/mailbox-1.md §5): input of more bytes is read no further. */
export const MESSAGE_BYTES_MAX = 262_144;
/** Messages of `mailbox send --lines` that wait for their answer: enough for one flush of the disk to carry many. */
export const LINES_IN_FLIGHT_MAX = 64;
/** Messages that `mailbox receive` takes at a time: those that are not yet written are with nobody else meanwhile. */
export const RECEIVE_PAGE_MESSAGES = 64;
/** Longest wait of one request (specs/mailbox-1.md §6); a longer one takes several. */
export const RECEIVE_WAIT_MS_MAX = 60_000;
/** Messages that `mailbox receive --follow` holds: enough to hide a round trip from a reader. */
export const FOLLOW_PREFETCH = 16;
/** Messages that one PEEK asks for (specs/mailbox-1.md §8.2). */
export const PEEK_PAGE_MESSAGES = 256;
/** Characters of a body that `mailbox peek` shows to people: a line of a terminal. */
export const PREVIEW_CHARACTERS_MAX = 80;
/** How often progress is written to a terminal. */
export const PROGRESS_INTERVAL_MS = 200;
