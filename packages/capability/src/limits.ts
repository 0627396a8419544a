/**
 * Every bound of the capability package, with its reason. Sizes are bytes, times
 * are milliseconds, the rest are counts; the unit is in the name.
 * docs/LIMITS.md lists the same names and a check compares the two.
 */

// Tokens (specs/capability-1.md §3)

/** One token: what the capability field of an OAP/1 frame carries at most. */
export const TOKEN_BYTES_MAX = 4_096;
/** Caveats of one token: each costs whoever verifies it an HMAC. */
export const TOKEN_CAVEATS_MAX = 32;
/** Topic of a request that is judged: every character is looked at, so the look must end. */
export const TOPIC_CHARS_MAX = 1_024;

// Time (specs/capability-1.md §6)

/** Life of a token whose minter asked for nothing: long enough for a task, short enough to leak. */
export const TTL_MS_DEFAULT = 300_000;
/** Longest life under a key whose operator asked for nothing: revocations and old keys are kept this long. */
export const TTL_MS_MAX_DEFAULT = 3_600_000;
/** Longest life that an operator may allow, 31 days: revocations must be forgotten some day. */
export const TTL_MS_CEILING = 2_678_400_000;
/** How far two clocks may disagree before one side is refused. */
export const CLOCK_SKEW_MS = 60_000;
/** Latest moment that can be written: 48 bits, the width of the time in an identifier. */
export const TIME_MS_MAX = 281_474_976_710_655;

// Cache of verified tokens

/** Verified tokens kept: more than the tokens in use at one time on a busy node. */
export const GRANTS_CACHED_MAX = 8_192;
/** Token bytes kept: a holder can make any number of large tokens, and a parsed one takes ten times its bytes. */
export const GRANTS_CACHED_BYTES_MAX = 4_194_304;

// Keys and revocations

/** Keys with a secret in one keyring: next, active, and those whose tokens are still alive. */
export const KEYS_MAX = 16;
/** Retired keys remembered by name, so that an old token is told apart from a foreign one. */
export const RETIRED_KEYS_MAX = 64;
/** Keyring file that is read: all keys of a full keyring take a quarter of it. */
export const KEYRING_FILE_BYTES_MAX = 65_536;
/** Revocations in force at one time: beyond that, retiring the key is the right tool. */
export const REVOCATIONS_MAX = 16_384;
/** Revocation file that is read: a full list takes half of it. */
export const REVOCATIONS_FILE_BYTES_MAX = 4_194_304;

// Files

/** Wait for another process that changes the same file: its change takes milliseconds. */
export const LOCK_WAIT_MS = 5_000;
/** Pause between two looks at a lock. */
export const LOCK_RETRY_MS = 20;
/** Time a lock may be without its holder's name before its maker is taken for dead: a crash leaves such locks. */
export const LOCK_BLANK_MS = 1_000;
/** How often a node looks for changed keys and revocations: the longest a revocation takes to hold. */
export const STORE_POLL_MS = 200;

// Audit log (specs/capability-1.md §10)

/** One record: a mint with 32 caveats of 4,096 bytes in all, escaped, fits. */
export const AUDIT_LINE_BYTES_MAX = 32_768;
/** Text in a record that a peer chose, such as an address or a topic; the rest is cut. */
export const AUDIT_TEXT_CHARS_MAX = 256;
/** One file of an audit log before the next begins: small enough to read in an editor. */
export const AUDIT_FILE_BYTES_MAX = 67_108_864;
/** Files of one audit log before the oldest goes: a gigabyte in all. */
export const AUDIT_FILES_MAX = 16;
/** Records waiting for the disk: a slow disk costs records of denials, never memory. */
export const AUDIT_QUEUE_RECORDS_MAX = 1_024;
/** Records of denials per second and reason: what is beyond is counted in the next one. */
export const AUDIT_DENIALS_PER_SECOND_MAX = 10;
/** Longest time that written records are not yet covered by the sealed head. */
export const AUDIT_SEAL_INTERVAL_MS = 1_000;
