/** Every bound and every figure of the loops: sizes are bytes, times are milliseconds, the rest are counts. */

/** One command of the machine, such as mount: far beyond what it takes when all is well. */
export const COMMAND_TIMEOUT_MS = 60_000;
/** Filesystem of the power-cut loops: room for what a node sets aside, and for what the loops write. */
export const DISK_BYTES = 402_653_184;
/** Seconds for which the filesystem holds back what it was not asked to flush: longer than any round. */
export const DISK_HOLDS_BACK_SECONDS = 600;
/** Rounds of a loop as part of the tests of everything, which are to take half a minute; more are asked for by --rounds. */
export const ROUNDS = 5;
/** Rounds of the loops of the log, which only test the harness. */
export const LOG_ROUNDS = 5;
/** Rounds of a negative control: the first one loses already. */
export const CONTROL_ROUNDS = 2;
/** Shortest load of a round: something was acknowledged before the crash. */
export const LOAD_MS_MIN = 60;
/** Longest load of a round. */
export const LOAD_MS_MAX = 300;
/** Notes that a tally keeps: the first ones say enough. */
export const NOTES_MAX = 12;
/** Pause of the log program after each record: it is not to fill the machine. */
export const LOG_PAUSE_MS = 1;

// What a node is asked

/** An answer of a node, also on a machine that does much else. */
export const ANSWER_MS_MAX = 20_000;
/** After the end of a node: what it had answered is read within this time. */
export const LAST_ANSWERS_MS = 500;
/** Life of the capability of a loop: the longest that a key allows by itself. */
export const CAPABILITY_MS = 3_600_000;

// Storage

/** Small blobs of a round: all of them stay, and the disk is small. */
export const BLOBS_PER_ROUND = 5;
/** Largest of them: two leaves and a part. */
export const BLOB_BYTES_MAX = 150_000;
/** The blob whose PUT crashes cut off. */
export const LARGE_BLOB_BYTES = 1_500_000;
/** One write of a PUT. */
export const BLOB_CHUNK_BYTES = 65_536;
/** Pause between the writes of the large blob: its PUT takes longer than most rounds. */
export const LARGE_BLOB_PAUSE_MS = 15;
/** Older blobs that a check reads again, on average; new ones are all read. */
export const BLOBS_READ_AGAIN = 4;

// Mailbox

/** Requests that send at the same time. */
export const SENDERS = 6;
/** Requests that receive at the same time. */
export const RECEIVERS = 3;
/** Messages that may be there before senders wait: every check looks at all of them. */
export const MESSAGES_LIVE_MAX = 400;
/** Keys whose SEND was acknowledged that a check sends again. */
export const KEYS_TRIED_AGAIN = 16;
/** Scans of a check before it gives up: messages go on moving while leases run out. */
export const SCANS_MAX = 200;
/** Pause between two scans. */
export const SCAN_PAUSE_MS = 25;

// Faults

/** Rounds of a loop of faults, each with another n: every second one fails a write, the others a flush. */
export const FAULT_ROUNDS = 6;
/** What a wall clock is ahead of the true time, in seconds, one after the other: a capability of now is valid in all of them. */
export const CLOCK_SECONDS = [0, 1_200, 60, 1_500, 0, 300];
/** Disk that is filled up: room for what a node sets aside, and little else. */
export const SMALL_DISK_BYTES = 201_326_592;
/** Body with which the disk is filled. */
export const FILLING_BODY_BYTES = 200_000;
/** Messages after which a full disk must have been noticed: more than the node set aside. */
export const FILLING_MESSAGES_MAX = 1_000;
/** From the moment at which there is room again until it is used. */
export const RECOVERY_MS_MAX = 20_000;
