/**
 * Every bound of the mailbox, with its reason. Sizes are bytes, times are
 * milliseconds, the rest are counts; the unit is the last word of the name.
 * docs/LIMITS.md lists the same names and a check compares the two.
 */

// Requests (specs/mailbox-1.md)

/** One request: a full list of receipts or the largest body, with room for the fields beside it. */
export const REQUEST_BYTES_MAX = 1_048_576;
/** Name of a topic: it is part of keys in the store and of log lines. */
export const TOPIC_BYTES_MAX = 512;
/** Body of a message: larger things belong into a store of blobs, and a commit has to stay short. */
export const BODY_BYTES_MAX = 262_144;
/** Messages of one SEND: one commit has to write them all. */
export const SEND_MESSAGES_MAX = 256;
/** Key and group of a message: an identifier, not content. */
export const NAME_BYTES_MAX = 256;
/** Headers of a message. */
export const HEADERS_MAX = 32;
/** Their MessagePack: they are read and written with every delivery. */
export const HEADERS_BYTES_MAX = 4_096;
/** Highest priority. */
export const PRIORITY_MAX = 9;
/** Longest delay of a message: a calendar belongs elsewhere. */
export const DELAY_MS_MAX = 2_592_000_000;
/** Longest TTL and retention, a year. */
export const TTL_MS_MAX = 31_536_000_000;
/** Longest lease, half a day: a dead receiver must not keep its messages for longer. */
export const VISIBILITY_MS_MAX = 43_200_000;
/** Longest wait of a RECV: balancers cut what is silent for longer. */
export const WAIT_MS_MAX = 60_000;
/** Longest time for which a key is remembered: each costs a record on disk. */
export const DEDUP_WINDOW_MS_MAX = 604_800_000;
/** Deliveries that a topic may allow before a message is a dead letter. */
export const DELIVERIES_MAX = 1_000_000;
/** Messages of one RECV: one commit has to write all their leases. */
export const RECEIVE_MESSAGES_MAX = 256;
/** Bytes of messages after which a reply or record takes no further one: what one receiver makes the node hold. */
export const RECEIVE_BYTES_MAX = 1_048_576;
/** Receipts of one ACK, NACK or EXTEND. */
export const RECEIPTS_MAX = 1_024;
/** One receipt: what a later version may need, and not more. */
export const RECEIPT_BYTES_MAX = 64;
/** Unacknowledged messages of one subscription. */
export const PREFETCH_MAX = 1_024;
/** Messages or topics of one page of PEEK and STATS. */
export const PAGE_ITEMS_MAX = 256;
/** Messages that one REDRIVE or PURGE looks at: other requests wait for it. */
export const TEND_MESSAGES_MAX = 1_024;
/** Bytes of messages that one REDRIVE moves before others get their turn. */
export const MOVE_BYTES_MAX = 2_097_152;

// Defaults of topics

/** Lease of a delivery that asks for none: time for ordinary work. */
export const VISIBILITY_MS_DEFAULT = 30_000;
/** Deliveries before a message is a dead letter: beyond that, trying again does not help. */
export const DELIVERIES_DEFAULT = 16;
/** Time for which a key is remembered: longer than a client retries. */
export const DEDUP_WINDOW_MS_DEFAULT = 300_000;
/** First pause after a NACK that names none. */
export const NACK_DELAY_MS = 1_000;
/** Longest pause after a NACK that names none. */
export const NACK_DELAY_MS_MAX = 300_000;
/** Pause before a message whose checksum did not fit is looked at again: the disk may be repaired meanwhile. */
export const CORRUPT_DELAY_MS = 3_600_000;

// What tenants may hold

/** Topics of one tenant. */
export const TENANT_TOPICS_MAX = 1_024;
/** Topics of all tenants: each takes about a kilobyte of memory. */
export const TOPICS_MAX = 16_384;
/** Messages of one tenant. */
export const TENANT_MESSAGES_MAX = 16_777_216;
/** Bytes of one tenant. */
export const TENANT_BYTES_MAX = 8_589_934_592;
/** What a message counts for beside its own bytes: the records that go with it. */
export const MESSAGE_OVERHEAD_BYTES = 64;

// Receivers

/** RECVs that wait and subscriptions of one topic. */
export const TOPIC_RECEIVERS_MAX = 1_024;
/** Those of one tenant. */
export const TENANT_RECEIVERS_MAX = 4_096;
/** Those of all tenants: each takes some hundred bytes while it waits. */
export const RECEIVERS_MAX = 16_384;
/** Prefetch of all subscriptions together: the node remembers each lease of a subscription. */
export const PREFETCH_TOTAL_MAX = 262_144;

// Work and memory of the engine

/** Requests that go to the engine together, and so at most the requests of one commit. */
export const BATCH_REQUESTS_MAX = 1_024;
/** Their bytes. */
export const BATCH_BYTES_MAX = 2_097_152;
/** Batches that the engine has: the one it works on, and the one it goes on with, so that it never waits for the way there and back. */
export const ENGINE_BATCHES = 2;
/** Pause before the engine hears of a subscription that could take more if it had room: what makes room mostly tells it along the way. */
export const NOTICE_PAUSE_MS = 10;
/** Bytes of requests that wait for the engine before others are refused: half a second of a slow disk. */
export const BACKLOG_BYTES_MAX = 33_554_432;
/** Requests that wait for the engine. */
export const BACKLOG_REQUESTS_MAX = 65_536;
/** Bytes that one step writes and answers before it is committed: bounds the memory and the time of a commit. */
export const STEP_BYTES_MAX = 2_097_152;
/** Ready messages of one topic kept at hand. */
export const WINDOW_MESSAGES = 512;
/** Bytes of messages at hand that are kept with them, so that those that go at once are not read again. */
export const HANDY_BYTES = 8_388_608;
/** Topics that have messages at hand. */
export const WINDOWS_MAX = 1_024;
/** Messages of one topic that are looked at for what is due before other topics get their turn. */
export const DUE_MESSAGES_PER_TURN = 256;
/** Topics that are looked at for what is due before requests get their turn. */
export const DUE_TOPICS_PER_TURN = 16;
/** Keys of one chunk of a sorted set: what one insertion moves at most. */
export const SORTED_CHUNK_KEYS = 256;
/** New keys that are put in order together at the latest: what one range has to wait for. */
export const UNORDERED_KEYS = 4_096;
/** Longest sleep of the engine; the precision of what is due beyond it. */
export const ENGINE_SLEEP_MS_MAX = 60_000;
/** Pause before the engine tells what it counted: a page of metrics is asked for less often. */
export const FIGURES_PAUSE_MS = 1_000;

// Files

/** The journal: what is committed between two checkpoints, and room for the largest commit. */
export const JOURNAL_BYTES = 16_777_216;
/** Largest commit: a full step, and the largest single operation on top. */
export const COMMIT_BYTES_MAX = 8_388_608;
/** Bytes of messages in memory at which a checkpoint writes them to the tree: short enough that nobody notices the pause. */
export const CHECKPOINT_BYTES = 8_388_608;
/** Changes in memory at which a checkpoint is made. */
export const CHECKPOINT_KEYS = 32_768;
/** Changes of one transaction of a checkpoint. */
export const CHECKPOINT_CHUNK_KEYS = 2_048;
/** Blocks that the tree's file has beyond its use: two transactions of a checkpoint must not fail for want of space, wherever in the tree they write. */
export const HEADROOM_BYTES = 33_554_432;
/** How the file grows. */
export const HEADROOM_STEP_BYTES = 4_194_304;
/** Pause between two looks for space on a full disk. */
export const HEADROOM_RETRY_MS = 1_000;
/** Most that the tree may take: addresses that are reserved, not memory. */
export const MAP_BYTES = 68_719_476_736;
