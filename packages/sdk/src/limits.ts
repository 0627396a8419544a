/**
 * Every bound of the client library, with its reason. Sizes are bytes, times
 * are milliseconds, the rest are counts; the unit is part of the name.
 * docs/LIMITS.md lists the same names and a check compares the two.
 */

// Time

/** From connect() to the answered HELLO: a node that needs longer is down for most purposes. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** Deadline of a request whose caller names none: nobody waits longer for an answer without having said so. */
export const REQUEST_DEADLINE_MS = 30_000;
/** Shortest time between two looks at the deadlines; the precision of every one of them. */
export const SWEEP_INTERVAL_MS_MIN = 10;
/** Longest time between two looks at the deadlines: well inside what a timer can hold. */
export const SWEEP_INTERVAL_MS_MAX = 60_000;
/** A connection on which nothing arrived for this long is asked with a PING, sooner if the node's idle timeout is short. */
export const KEEPALIVE_MS_MAX = 30_000;
/** Time for any byte to arrive after that PING before the connection counts as dead. */
export const KEEPALIVE_ANSWER_MS = 10_000;
/** Time that close() gives requests in flight to be answered. */
export const CLOSE_GRACE_MS = 5_000;
/** From our FIN to the reset of a connection whose node does not close it. */
export const CLOSE_LINGER_MS = 1_000;
/** Beyond the drain_ms of a GOAWAY, before what is still in flight is given up. */
export const DRAIN_GRACE_MS = 1_000;
/** Time for a function given as `cap` to answer: longer than a token service needs, and no request waits longer for it. */
export const CAP_ANSWER_MS = 10_000;
/** How long before its end a capability is renewed, or in the last third of a shorter life. */
export const CAP_RENEW_LEAD_MS = 30_000;
/** Pause after a question for a capability that brought nothing new; it doubles. */
export const CAP_PAUSE_MS = 1_000;
/** Longest such pause. */
export const CAP_PAUSE_MS_MAX = 60_000;
/** Drain time of a node that refuses with `draining` without having said how long it drains. */
export const DRAIN_MS_ASSUMED = 25_000;

// Connections

/** First pause before connecting again; the actual pause is a random part of it. */
export const RECONNECT_PAUSE_MS = 100;
/** Longest such pause: how late a client may notice that its node is back. */
export const RECONNECT_PAUSE_MS_MAX = 5_000;
/** A connection that lived this long was a good one, and its loss starts again at the first pause. */
export const CONNECTION_HEALTHY_MS = 5_000;
/** Connections that a node drains at the same time; a further one ends the oldest. */
export const DRAINING_CONNECTIONS_MAX = 8;

// Requests

/** Requests in flight that this client offers in its HELLO, and so the most it keeps track of. */
export const PENDING_REQUESTS_MAX = 16_384;
/** Slots of the table of requests in flight before it grows: idle clients stay small. */
export const PENDING_SLOTS_INITIAL = 32;
/** Calls that wait for a connection or for a place among those in flight. */
export const WAITING_CALLS_MAX = 16_384;
/** A request of more bytes is bulk, which shorter calls may pass while it waits for room at the node. */
export const SHORT_CALL_BYTES_MAX = 65_536;
/** One in so many of the bytes that a node takes is kept free of bulk, and is what calls that pass it may use. */
export const SHORT_CALLS_PART = 8;
/** Payload of the calls that wait: an outage must not fill the memory. */
export const WAITING_BYTES_MAX = 268_435_456;
/** A reply that is collected into one piece; what is larger has to be read as a stream. */
export const REPLY_BYTES_MAX = 67_108_864;
/** Attempts per call, the first one included. */
export const RETRY_ATTEMPTS_MAX = 4;
/** First pause before an attempt is repeated; it doubles, and the actual pause is a random part of it. */
export const RETRY_PAUSE_MS = 50;
/** Longest pause between attempts that the node did not ask for. */
export const RETRY_PAUSE_MS_MAX = 2_000;
/** CANCELs of young requests per second: a node closes the connection at 50. */
export const YOUNG_CANCELS_MAX = 40;
/** The age from which a CANCEL is free: the node's second, and time for the frames to travel. */
export const YOUNG_CANCEL_MS = 1_250;
/** corr_ids of sent events that are remembered, so that a refusal can be told from a late reply. */
export const EVENTS_REMEMBERED = 256;

/** Memory that reply payloads of middling size share: one that is kept keeps this much. */
export const PAYLOAD_SLAB_BYTES = 8_192;

// Streams

/** Smallest window a client may grant (specs/oap-1.md §4.3). */
export const STREAM_WINDOW_BYTES_MIN = 1_024;
/** Largest window a node takes: what one stalled reader can make both sides hold. */
export const STREAM_WINDOW_BYTES_MAX = 16_777_216;
/** Reply frames that wait for their reader: many empty or tiny ones fit a window but not the memory. */
export const STREAM_CHUNKS_MAX = 65_536;
/** Writes of one stream that wait for credit; who awaits each write has one. */
export const STREAM_WRITES_MAX = 256;

// Mailbox

/** Messages that leave in one SEND (specs/mailbox-1.md §5.4). */
export const MAILBOX_SENDS_MAX = 256;
/** Bytes of the messages that leave in one SEND: what one refusal or one lost reply concerns. */
export const MAILBOX_SEND_BYTES = 131_072;
/** Receipts of one ACK, NACK or EXTEND (specs/mailbox-1.md §6.3). */
export const MAILBOX_RECEIPTS_MAX = 1_024;
/** One receipt (specs/mailbox-1.md §1.5); a longer one is a fault of the node. */
export const MAILBOX_RECEIPT_BYTES_MAX = 64;
/** One record of a subscription (specs/mailbox-1.md §7.1): what one length can make a client reserve. */
export const MAILBOX_RECORD_BYTES_MAX = 2_097_152;
/** Unsettled messages of a subscription that names no number: enough to hide a round trip. */
export const MAILBOX_PREFETCH = 64;
/** Most that a subscription may name (specs/mailbox-1.md §7.1). */
export const MAILBOX_PREFETCH_MAX = 1_024;
/** Messages that a handler works on at the same time: no more can be there. */
export const MAILBOX_CONCURRENCY_MAX = 1_024;
/** One lease, where none is named: a receiver that is stuck holds its messages no longer. */
export const MAILBOX_VISIBILITY_MS = 30_000;
/** Longest lease (specs/mailbox-1.md §6). */
export const MAILBOX_VISIBILITY_MS_MAX = 43_200_000;
/** How long a subscription keeps a message by extending its lease: work that takes longer has to say so. */
export const MAILBOX_EXTEND_MS = 3_600_000;
/** Attempts of a request to the mailbox whose outcome is unknown, the first one included. */
export const MAILBOX_ATTEMPTS_MAX = 8;
/** Requests that one purge, redrive or list of topics makes: a tenant has no more messages than fit them. */
export const MAILBOX_PAGES_MAX = 16_384;
/** Time that closing gives handlers to finish their messages. */
export const MAILBOX_CLOSE_MS = 30_000;
/** Shortest time between two looks at the leases of a subscription. */
export const LEASE_LOOK_MS_MIN = 10;

// Storage

/** Bytes that are checked together (specs/storage-1.md §1). */
export const STORAGE_LEAF_BYTES = 65_536;
/** Leaves whose hashes a proof gives together (specs/storage-1.md §4). */
export const STORAGE_GROUP_LEAVES = 16;
/** Ranges of one GET (specs/storage-1.md §6). */
export const STORAGE_RANGES_MAX = 256;
/** Ids of one HAS (specs/storage-1.md §5.3); more of them are asked for in several requests. */
export const STORAGE_HAS_IDS_MAX = 1_024;
/** Blobs of one LIST reply: the most there may be (specs/storage-1.md §5.7), some 300 KiB. */
export const STORAGE_LIST_BLOBS = 1_000;
/** Requests that one list or scrub makes: no tenant has more than fits them. */
export const STORAGE_PAGES_MAX = 65_536;
/** Reply to a PUT: an id and three short fields. */
export const STORAGE_PUT_REPLY_BYTES_MAX = 4_096;
/** An upload of fewer bytes begins anew without asking how far an earlier one came. */
export const STORAGE_RESUME_BYTES_MIN = 1_048_576;
/** Attempts of one transfer that move nothing, the first one included; each that moves something begins the count anew. */
export const STORAGE_ATTEMPTS_MAX = 8;
/** One read from a file. */
export const STORAGE_READ_BYTES = 262_144;
/** Bytes that are hashed before others get their turn: a millisecond. */
export const STORAGE_HASH_BYTES = 4_194_304;

// Writing

/** Unsent bytes at which a connection takes no further requests; they wait as calls instead. */
export const WRITE_PAUSE_BYTES = 1_048_576;
/** Unsent bytes at which streamed requests pause: a small request never waits behind more than this. */
export const UPLOAD_PAUSE_BYTES = 262_144;
