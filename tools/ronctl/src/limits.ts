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
/** How often progress is written to a terminal. */
export const PROGRESS_INTERVAL_MS = 200;
