/**
 * Every bound of the benchmark: first what the project promises, then how much
 * load shows it. The unit is the last word of a name that has one.
 */

// What must hold

/** Server CPU per request, node over the bare echo: framing, state and dispatch may cost this much. */
export const CPU_RATIO_MAX = 2.2;
/** Rate through the SDK over the bare client's: promises per request may cost this much. */
export const SDK_RATE_RATIO_MIN = 0.25;
/** Round trip with one request in flight, SDK against node over bare against bare. */
export const LATENCY_RATIO_MAX = 1.5;
/** Server memory with all idle connections open, MiB. */
export const IDLE_RSS_MIB_MAX = 400;
/** Growth of the node under peers that never read, MiB each: 4 MiB unsent, 1 MiB of credit, and copies in flight. */
export const SLOW_READER_GROWTH_MIB_MAX = 8;
/** Growth that is nobody's in particular, MiB: heap and pages that warm up under any load. */
export const GROWTH_ALLOWANCE_MIB = 48;
/** From the last byte a peer took to its end, seconds: the 10 s stall and one sweep late. */
export const SLOW_READER_CUT_SECONDS_MAX = 12;
/** A neighbour's p99 next to a misbehaving peer, beyond that of its control, milliseconds. */
export const NEIGHBOUR_P99_MS_MAX = 20;
/** Reading a header, nanoseconds: it must vanish beside everything else a frame costs. */
export const CODEC_HEADER_NS_MAX = 20;
/** Cutting a frame of 64 B out of the stream, nanoseconds. */
export const CODEC_DECODE_NS_MAX = 200;
/** Reading a header by Buffer methods, over the codec's way: what the codec's way is for. */
export const CODEC_BUFFER_RATIO_MIN = 2;
/** Cutting a frame out of a chunk, over reading its header: checks and positions may cost this much. */
export const CODEC_DECODE_RATIO_MAX = 10;
/** Appending a frame of 64 B, over reading a header: writing one and copying the payload may cost this much. */
export const CODEC_APPEND_RATIO_MAX = 60;
/** Goodput with ten times the capacity offered, over the peak of the same round. */
export const OVERLOAD_GOODPUT_RATIO_MIN = 0.9;
/** Growth of the node under ten times its capacity, MiB: requests in flight, and one read of each connection at rest. */
export const OVERLOAD_GROWTH_MIB_MAX = 256;
/** Longest answer of /readyz meanwhile, milliseconds: whoever probes gives up after a second or more. */
export const OVERLOAD_READYZ_MS_MAX = 1_000;
/** From the last answer to a node that calls itself ready again, seconds: eight calm looks at four a second, and a step each. */
export const OVERLOAD_READY_SECONDS_MAX = 10;
/** Of the requests of neighbours, what may be lost beside a tenant at a hundred times its quota, percent. */
export const FLOOD_LOST_PERCENT_MAX = 0.1;
/** p99 round trip of those neighbours, over that of neighbours of a node without such a tenant. */
export const FLOOD_P99_RATIO_MAX = 2;
/** Growth of the heap with any number of tenant ids once the tables are full, MiB. */
export const TENANTS_GROWTH_MIB_MAX = 8;
/** Messages sent, received and acknowledged each second, mailbox over each durable peer. */
export const MAILBOX_PEER_RATIO_MIN = 1;
/** SEND with one in flight, median, over a message appended to a file and flushed behind the same kind of socket. */
export const MAILBOX_SEND_RATIO_MAX = 2;
/** Flushes of the disk over commits; the part beyond 1 is for checkpoints. */
export const MAILBOX_FLUSHES_MAX = 1.05;
/** Rate with a million messages queued, over that with a thousand. */
export const MAILBOX_DEEP_RATIO_MIN = 0.6;
/** Echo p99 on a node whose mailbox is saturated, over that of a node next to it. */
export const MAILBOX_ECHO_P99_RATIO_MAX = 2;
/** Rate of small blobs over 16 connections, node over nginx, which sends files from memory of the kernel and knows no capability. */
export const STORAGE_SMALL_NGINX_RATIO_MIN = 0.8;
/** The same over node:http with createReadStream. */
export const STORAGE_SMALL_HTTP_RATIO_MIN = 3;
/** Throughput of a large blob on one connection, node over nginx. */
export const STORAGE_LARGE_NGINX_RATIO_MIN = 0.5;
/** The same over node:http with createReadStream. */
export const STORAGE_LARGE_HTTP_RATIO_MIN = 2;
/** Round trip of a HAS over as many ids as one may have, milliseconds. */
export const STORAGE_HAS_MS_MAX = 5;

// Load

/** Payload of every echo, bytes. */
export const ECHO_PAYLOAD_BYTES = 64;
/** Connections of the echo load. */
export const ECHO_CONNECTIONS = 16;
/** Requests in flight on each connection. */
export const ECHO_IN_FLIGHT = 16;
/** Measured rounds of the echo load, each with all participants in turn. */
export const ECHO_ROUNDS = 7;
/** One participant's share of a round, milliseconds: long against the 1 ms tick of CPU accounting. */
export const ECHO_ROUND_MS = 500;
/** Load before anything is measured, milliseconds: the optimising compiler has settled by then. */
export const WARM_UP_MS = 1_000;
/** Rounds of the one-in-flight load. */
export const LATENCY_ROUNDS = 7;
/** Round trips of one participant in a round. */
export const LATENCY_REQUESTS = 4_000;
/** Idle connections over plain TCP. */
export const IDLE_CONNECTIONS = 10_000;
/** Idle connections over TLS. */
export const IDLE_TLS_CONNECTIONS = 1_000;
/** Connections from one loopback address: below the node's limit per address. */
export const CONNECTIONS_PER_SOURCE = 250;
/** Connection attempts under way at a time: below the accept backlog. */
export const CONNECTS_AT_ONCE = 128;
/** Rest after the last HELLO before memory is read, milliseconds. */
export const IDLE_SETTLE_MS = 2_000;
/** Time over which the CPU cost of idle connections is measured, milliseconds. */
export const IDLE_WATCH_MS = 2_000;
/** Peers that never read, of each kind. */
export const SLOW_READERS = 4;
/** Payload of the slow readers' requests, bytes. */
export const SLOW_READER_PAYLOAD_BYTES = 16_384;
/** How often memory is read while it may grow, milliseconds. */
export const MEMORY_SAMPLE_MS = 50;
/** A neighbour sends one request this often, milliseconds: often enough to meet every stall, not a load by itself. */
export const NEIGHBOUR_INTERVAL_MS = 2;
/** Round trips of a neighbour before it counts. */
export const NEIGHBOUR_WARM_UP_REQUESTS = 2_000;
/** Time for which a neighbour is measured with nobody beside it, in each round, milliseconds. */
export const NEIGHBOUR_ALONE_MS = 500;
/** Frames in one segment. */
export const TINY_FRAMES = 10_000;
/** Segments of tiny frames in a round, one after the other. */
export const TINY_SEGMENTS = 100;
/** Rounds with and without tiny frames. */
export const TINY_ROUNDS = 5;
/** Times that a node is stopped and started again under load. */
export const RESTARTS = 20;
/** Callers that ask one thing after the other meanwhile. */
export const RESTART_CALLERS = 32;
/** Load between two restarts, milliseconds. */
export const RESTART_LOAD_MS = 300;
/** Time a request has, restarts included, milliseconds: a start takes about one second on a busy machine. */
export const RESTART_DEADLINE_MS = 60_000;
/** Body of every message, bytes. */
export const MAILBOX_BODY_BYTES = 256;
/** Messages that are being sent, and messages that are received and not acknowledged. */
export const MAILBOX_IN_FLIGHT = 64;
/** Messages that are sent and not acknowledged, at most: a sender that is faster must not make the queue deep. */
export const QUEUE_OPEN_MAX = 512;
/** Messages that are being sent while a queue is filled. */
export const FILL_IN_FLIGHT = 256;
/** Messages of one step of filling: it has to end before a worker's time is up. */
export const FILL_STEP_MESSAGES = 50_000;
/** Rounds of all queues in turn. */
export const MAILBOX_ROUNDS = 5;
/** One queue's share of a round, milliseconds: some checkpoints are in it. */
export const MAILBOX_ROUND_MS = 3_000;
/** Load before anything is measured, milliseconds. */
export const MAILBOX_WARM_UP_MS = 3_000;
/** Messages of one participant in a round with one in flight. */
export const MAILBOX_SENDS = 500;
/** Those rounds. */
export const MAILBOX_SEND_ROUNDS = 7;
/** Messages that each sends before: one at a time, V8 compiles what they go through late. */
export const MAILBOX_SEND_WARM_UP = 5_000;
/** A queue that is not deep, and one that is. */
export const MAILBOX_SHALLOW_MESSAGES = 1_000;
export const MAILBOX_DEEP_MESSAGES = 1_000_000;
/** Rounds of both. */
export const MAILBOX_DEEP_ROUNDS = 5;
/** Rounds of echoes beside a saturated mailbox. */
export const MAILBOX_ECHO_ROUNDS = 5;

// Workers

/** Longest operation of a worker, milliseconds. */
export const WORKER_ANSWER_TIMEOUT_MS = 60_000;
/** From the end of the IPC channel to SIGKILL, milliseconds; a CPU profile is written in this time. */
export const WORKER_EXIT_TIMEOUT_MS = 5_000;
/** From the start of another server to its first connection, milliseconds. */
export const PEER_START_MS = 20_000;
/** From the signal to SIGKILL, milliseconds; its data is thrown away. */
export const PEER_STOP_MS = 5_000;
/** Read buffer of a client connection, bytes: what one read of the kernel fills. */
export const READ_BUFFER_BYTES = 65_536;
/** Rounds of the codec, each with every case in turn. */
export const CODEC_ROUNDS = 9;
/** One case's share of a round, milliseconds. */
export const CODEC_ROUND_MS = 30;

// Load beyond capacity

/** Loops of arithmetic that a request costs in its handler: about a millisecond. */
export const HANDLER_LOOPS = 1_000_000;
/** Loops of arithmetic that a request costs outside of its handler: about a tenth of a millisecond. */
export const WORK_LOOPS = 100_000;
/** Time that a service of our own takes in one turn of the loop, milliseconds. */
export const WORK_SLICE_MS = 2;
/** Requests that the service that waits has under way. */
export const WAIT_SLOTS = 64;
/** Time that each of them takes, milliseconds. */
export const WAIT_MS = 20;
/** Life of the capabilities of a load, milliseconds: longer than any run. */
export const CAPABILITY_TTL_MS = 3_600_000;
/** Requests that one connection of a load has open at most, a power of two; what the node allows. */
export const OFFER_IN_FLIGHT_MAX = 1_024;
/** How often what is due is sent, milliseconds. */
export const OFFER_TICK_MS = 2;
/** Rounds of each kind of service under ten times its capacity. */
export const OVERLOAD_ROUNDS = 3;
/** Time over which the peak is measured, milliseconds. */
export const PEAK_MS = 2_000;
/** Time for which too much is offered, milliseconds: the limits find their place in the first second. */
export const OVERLOAD_MS = 5_000;
/** Tenants that ask for too much together. */
export const OVERLOAD_TENANTS = 8;
/** Connections of each of the two clients. */
export const OVERLOAD_CONNECTIONS = 16;
/** What is offered, over the peak. */
export const OVERLOAD_FACTOR = 10;
/** How often the node is asked whether it is ready, milliseconds. */
export const READY_POLL_MS = 100;
/** How long a node may take to be ready before nobody waits any more, milliseconds. */
export const READY_PATIENCE_MS = 30_000;
/** Requests each second that the quota of a tenant allows. */
export const FLOOD_QUOTA = 500;
/** What one tenant offers, over its quota. */
export const FLOOD_FACTOR = 100;
/** Requests each second of each neighbour, within its quota. */
export const FLOOD_NEIGHBOUR_RATE = 200;
/** Neighbours, each a tenant. */
export const FLOOD_NEIGHBOURS = 4;
/** Rounds with a tenant at a hundred times its quota. */
export const FLOOD_ROUNDS = 5;
/** Length of each, milliseconds. */
export const FLOOD_MS = 3_000;
/** Wait for answers after a round: a busy machine is late, and late is not lost. */
export const FLOOD_GRACE_MS = 5_000;
/** Tenant ids that nobody minted a capability for. */
export const TENANTS_MADE_UP = 1_000_000;
/** Tenants with capabilities until the node's tables are full for sure, and twice as many in all. */
export const TENANTS_MINTED = 110_000;
/** Capabilities minted, and requests sent, at a time. */
export const TENANTS_AT_ONCE = 1_000;
/** Made-up ids on one connection: the node closes it at the hundredth. */
export const TENANTS_PER_CONNECTION = 100;
/** Clients that make up tenant ids at a time. */
export const TENANTS_CLIENTS = 16;
/** Pause before a node that was too busy is asked again, milliseconds. */
export const TENANTS_RETRY_MS = 250;

// Storage

/** Size of a small blob: one leaf. */
export const STORAGE_SMALL_BYTES = 65_536;
/** Small blobs that are asked for often: half of what a node keeps of blobs in memory. */
export const STORAGE_HOT_BLOBS = 256;
/** Small blobs of which each is asked for rarely: four times what a node keeps in memory. */
export const STORAGE_WIDE_BLOBS = 2_048;
/** Size of a large blob. */
export const STORAGE_LARGE_BYTES = 268_435_456;
/** Connections that ask for small blobs, one request in flight on each. */
export const STORAGE_CONNECTIONS = 16;
/** Rounds of everything, in turn. */
export const STORAGE_ROUNDS = 7;
/** One participant's share of a round, milliseconds. */
export const STORAGE_ROUND_MS = 700;
/** Small blobs that are put in a round, and how many of them side by side. */
export const STORAGE_PUTS = 256;
export const STORAGE_PUTS_AT_ONCE = 16;
/** Rounds of puts. */
export const STORAGE_PUT_ROUNDS = 3;
/** Ids of one HAS: as many as one may have. */
export const STORAGE_HAS_IDS = 1_024;
/** HAS requests of a round. */
export const STORAGE_HAS_REQUESTS = 50;
/** What is written to a bare disk at once, bytes. */
export const DISK_WRITE_BYTES = 1_048_576;
/** How often a client of the store tries again that is refused for overload. */
export const BUSY_TRIES_MAX = 200;
/** Pause before it does, milliseconds. */
export const BUSY_PAUSE_MS = 50;
/** How long node:http keeps an idle connection, milliseconds: longer than a round of all others. */
export const HTTP_KEEP_ALIVE_MS = 120_000;
