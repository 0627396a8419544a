/**
 * Every bound of the kernel, with its reason. Sizes are bytes, times are
 * milliseconds, the rest are counts; the unit is the last word of the name.
 * docs/LIMITS.md lists the same names and a check compares the two.
 */

// Frames (specs/oap-1.md §3)

/** Fixed header length; the smallest legal frame is a bare header. */
export const HEADER_BYTES = 38;
/** One frame at most: large enough for a bulk chunk, small enough to buffer for a slow peer. */
export const FRAME_BYTES_MAX = 1_048_576;
/** Smallest max_frame a peer may negotiate: an error reply and a HELLO must always fit. */
export const FRAME_BYTES_MAX_FLOOR = 4_096;
/** Capability bytes at most: 32 caveats fit, and verification cost stays bounded. */
export const CAPABILITY_BYTES_MAX = 4_096;
/** Frames before HELLO was answered: nobody unknown may make the node buffer more. */
export const PREAUTH_FRAME_BYTES_MAX = 4_096;
/** First allocation for a frame that arrives in pieces: a header alone must not reserve a megabyte. */
export const PARTIAL_FRAME_BYTES_INITIAL = 16_384;

// Streams and flow control (specs/oap-1.md §7)

/** Payload credit per direction of a multi-frame message: a full pipe at 1 ms and 1 GB/s. */
export const STREAM_WINDOW_BYTES = 1_048_576;
/** Largest window a client may grant: what one stalled reader can make the node hold ready. */
export const STREAM_WINDOW_BYTES_MAX = 16_777_216;
/** Smallest window a client may grant: below this a stream would crawl frame by frame. */
export const STREAM_WINDOW_BYTES_MIN = 1_024;
/** Payload per stream frame the node sends: streams on one connection take turns this often. */
export const STREAM_FRAME_BYTES = 65_536;
/** Payload of one streamed request in all: a service that needs more raises it for itself. */
export const STREAM_BYTES_MAX = 17_179_869_184;
/** Payload that `Call.bytes()` collects: what an operation may hold in one piece without saying so. */
export const CALL_BYTES_MAX = 1_048_576;
/** Small parts of a request that a `Call` has not read are collected in pieces of this size: each would cost hundreds of bytes by itself. */
export const REQUEST_PIECE_BYTES = 16_384;
/** Requests in flight per connection: what one peer may make the node remember. */
export const INFLIGHT_REQUESTS_MAX = 1_024;
/** Request payload bytes in flight per connection: what one peer may make the node hold. */
export const INFLIGHT_BYTES_MAX = 16_777_216;
/** Unsent reply bytes a service may queue in one reply before the write is an error of the service. */
export const REPLY_QUEUE_BYTES_MAX = 4_194_304;
/** Small parts of a reply that wait are collected in pieces of this size: each would cost hundreds of bytes by itself. */
export const REPLY_PIECE_BYTES = 16_384;
/** Ended corr_ids remembered, or as many as were in flight at one time, so that a CREDIT or CANCEL that crossed the end is no fault of the peer. */
export const ENDED_REQUESTS_REMEMBERED = 64;

// Writing (specs/oap-1.md §10)

/** Replies of one read are coalesced in a buffer of this size; more than one read can answer. */
export const WRITE_BUFFER_BYTES = 65_536;
/** A larger payload is handed to the socket as it is (writev) rather than copied. */
export const WRITE_COPY_BYTES_MAX = 16_384;
/** Idle write buffers kept for reuse over all connections. */
export const WRITE_BUFFERS_POOLED = 64;
/** Collected bytes that are written at once even in the middle of a read, so that a bulk reply starts early. */
export const WRITE_FLUSH_BYTES = 524_288;
/** Unsent bytes at which the node stops reading from a peer that does not read, and holds replies back. */
export const WRITE_PAUSE_BYTES = 1_048_576;
/** Unsent bytes at which a peer that does not read is cut off, whatever its time. */
export const WRITE_PENDING_BYTES_MAX = 4_194_304;
/** Reply bytes held back per connection, behind what is unsent, before the peer is cut off. */
export const REPLY_BYTES_HELD_MAX = 16_777_216;

// Reading

/** The read buffer all plain connections share: one kernel read fills at most this. */
export const READ_BUFFER_BYTES = 65_536;
/** Bytes read from one connection before other connections get their turn: libuv alone would take 2 MiB of a busy one. */
export const BYTES_PER_TURN_MAX = 262_144;
/** Frames handled of one full read before other connections get their turn. */
export const FRAMES_PER_TURN_MAX = 512;
/** Time that all connections with frames at hand have in one turn of the loop: enough to be seen as overload, and not felt as a standstill. */
export const READ_TURN_MS_MAX = 150;

// Refusing (specs/oap-1.md §10.5)

/** Shortest time a refused caller is told to wait: sooner it would only be refused again. */
export const RETRY_AFTER_MS_MIN = 1_000;
/** Longest time a refused caller is told to wait: nobody should look dead to its users for longer. */
export const RETRY_AFTER_MS_MAX = 5_000;
/** Spread of the times told, so that those refused together do not come back together. */
export const RETRY_AFTER_JITTER_MS = 1_000;
/** Time for which refusals are counted: so short that nobody feels a connection wait for the next one. */
export const REFUSAL_MOMENT_MS = 1;
/** Retryable refusals in one moment, or in one turn of a loop that takes longer, over all connections: about a tenth of a core. */
export const REFUSALS_PER_MOMENT_MAX = 20;
/** Moments in which all connections that are not read should have a turn; the more there are, the shorter it is. */
export const REFUSAL_ROUND_MOMENTS = 100;

// Time (specs/oap-1.md §9)

/** From accept to HELLO. */
export const HELLO_TIMEOUT_MS = 2_000;
/** From a frame's first byte to the end of its header, whatever trickles. */
export const HEADER_TIMEOUT_MS = 5_000;
/** Grace for a frame's body, on top of its length at the minimum rate. */
export const BODY_TIMEOUT_MS = 5_000;
/** Slowest body rate that is not an attack, bytes per second. */
export const BODY_RATE_BYTES_MIN = 32_768;
/** A connection without any frame for this long is closed. */
export const IDLE_TIMEOUT_MS = 120_000;
/** A peer that takes no byte of what is due for this long is cut off. */
export const WRITE_STALL_TIMEOUT_MS = 10_000;
/** From accept to the end of the TLS handshake. */
export const TLS_HANDSHAKE_TIMEOUT_MS = 5_000;
/** From the FIN after a fatal error frame to the reset. */
export const CLOSE_LINGER_MS = 250;
/** How long a drained connection stays open for requests that crossed the GOAWAY, to be told so. */
export const DRAINED_LINGER_MS = 1_000;
/** Silence after which TCP asks whether the peer's machine is still there: a request in flight has no time limit. */
export const KEEP_ALIVE_MS = 60_000;
/** How often time-outs are looked at; the precision of every one of them. */
export const SWEEP_INTERVAL_MS = 100;
/** From connect() to a usable socket when this side dials. */
export const DIAL_TIMEOUT_MS = 5_000;

// Misbehaviour (specs/oap-1.md §8)

/** Faults of a peer in one window before the connection is closed as a flood. */
export const GLITCHES_MAX = 100;
/** The window in which glitches are counted. */
export const GLITCH_WINDOW_MS = 60_000;
/** Error frames per second and connection; what is beyond is counted and not answered. */
export const ERROR_FRAMES_PER_SECOND_MAX = 50;
/** CANCELs of requests younger than a second before it is a rapid reset. */
export const YOUNG_CANCELS_MAX = 50;
/** The age below which a cancelled request counts as a rapid reset, and the window of the count. */
export const YOUNG_CANCEL_MS = 1_000;
/** Frames with ACK_REQ that were not needed, per second. */
export const ACK_REQUESTS_PER_SECOND_MAX = 100;
/** Empty frames without END in a row on one stream. */
export const EMPTY_FRAMES_MAX = 100;
/** Continuations of an unknown corr_id that are answered; later ones are dropped. */
export const UNKNOWN_CORR_ANSWERS_MAX = 16;

// Connections

/** Connections from one address. */
export const CONNECTIONS_PER_ADDRESS_MAX = 256;
/** Connections in all. */
export const CONNECTIONS_MAX = 16_384;
/** Connections the operating system holds before they are accepted. */
export const ACCEPT_BACKLOG = 1_024;

// Compression (specs/oap-1.md §11)

/** zstd window a frame may ask for: what the decoder has to allocate. */
export const COMP_WINDOW_BYTES_MAX = 1_048_576;
/** Decompressed over compressed. */
export const COMP_RATIO_MAX = 10;
/** Below this output size the ratio does not matter: small texts compress well and harm nobody. */
export const COMP_RATIO_FLOOR_BYTES = 65_536;
/** Decompressed size of one frame. */
export const COMP_DECOMPRESSED_BYTES_MAX = 8_388_608;
/** Blocks of one compressed frame: bounds the walk and the decoder's work. */
export const COMP_BLOCKS_MAX = 64;
/** Replies below this size are sent as they are: compressing costs more than it saves. */
export const COMP_REPLY_BYTES_MIN = 1_024;

// HELLO

/** Protocol versions a HELLO may list; more is nonsense and would be looped over. */
export const HELLO_VERSIONS_MAX = 16;
/** Length of the text fields of a HELLO. */
export const HELLO_TEXT_CHARS_MAX = 128;
/** Text of an error reply; the peer shows it to a person. */
export const ERROR_TEXT_CHARS_MAX = 1_024;

// MessagePack bodies (specs/oap-1.md §1)

/** Maps and arrays inside each other: no message of ours needs five, and each level costs a decoder memory. */
export const MESSAGEPACK_DEPTH_MAX = 32;
/** Values in one body: a frame full of empty maps would take 64 times its size and 50 ms to decode. */
export const MESSAGEPACK_ITEMS_MAX = 65_536;

// Bus and supervision

/** Events a subscriber may lag behind before the oldest are dropped. */
export const BUS_QUEUE_EVENTS_MAX = 1_024;
/** Bytes a subscriber may lag behind before the oldest are dropped. */
export const BUS_QUEUE_BYTES_MAX = 4_194_304;
/** Topics with subscribers; a leak of subscriptions shows here and not in memory. */
export const BUS_TOPICS_MAX = 4_096;
/** Subscribers of one topic. */
export const BUS_SUBSCRIBERS_MAX = 1_024;
/** Events handed to subscribers before the loop gets its turn. */
export const BUS_EVENTS_PER_TURN_MAX = 256;
/** First pause before a crashed service is started again. */
export const RESTART_BACKOFF_MS = 100;
/** Longest pause before a crashed service is started again. */
export const RESTART_BACKOFF_MS_MAX = 30_000;
/** A service that ran this long starts again at the first pause. */
export const RESTART_HEALTHY_MS = 60_000;
/** Time a service has to start, and to stop. */
export const SERVICE_STEP_TIMEOUT_MS = 10_000;
/** Time open requests have to finish when the node drains. */
export const DRAIN_TIMEOUT_MS = 25_000;
/** Time the node still accepts connections while it drains, so that nobody meets a closed port. */
export const DRAIN_ACCEPT_MS = 15_000;
