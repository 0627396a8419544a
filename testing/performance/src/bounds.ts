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

// Workers

/** Longest operation of a worker, milliseconds. */
export const WORKER_ANSWER_TIMEOUT_MS = 60_000;
/** From the end of the IPC channel to SIGKILL, milliseconds; a CPU profile is written in this time. */
export const WORKER_EXIT_TIMEOUT_MS = 5_000;
/** Read buffer of a client connection, bytes: what one read of the kernel fills. */
export const READ_BUFFER_BYTES = 65_536;
/** Rounds of the codec, each with every case in turn. */
export const CODEC_ROUNDS = 9;
/** One case's share of a round, milliseconds. */
export const CODEC_ROUND_MS = 30;
