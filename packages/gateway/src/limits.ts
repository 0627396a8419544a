/**
 * Every bound of the gateway, with its reason. Times are milliseconds; the unit
 * is the last word of the name. docs/LIMITS.md lists the same names.
 */

/** From a request's first byte to the end of its headers: a trickle must not hold a connection. */
export const ADMIN_HEADERS_TIMEOUT_MS = 5_000;
/** From a request's first byte to its last, and for a reader that takes nothing of the answer. */
export const ADMIN_REQUEST_TIMEOUT_MS = 10_000;
/** How often the two time-outs above are looked at. */
export const ADMIN_TIMEOUT_CHECK_MS = 500;
/** An idle connection is kept this long: scrapers come every few seconds, and the next one may use it. */
export const ADMIN_KEEP_ALIVE_MS = 15_000;
/** Headers of one request: nobody who reads three pages needs more. */
export const ADMIN_HEADER_BYTES_MAX = 8_192;
/** Connections at once: a few scrapers and people; the port must not cost the node its descriptors. */
export const ADMIN_CONNECTIONS_MAX = 64;

// Quotas

/** Accounts per kind (tenants, addresses, parts of both): more parties than one burst has; the stalest make room. */
export const QUOTA_ACCOUNTS_MAX = 100_000;
/** Stale accounts that a new one looks at for room: those with requests in flight stay, and a look must end. */
export const QUOTA_EVICTION_TRIES = 8;
/** Wire bytes that cost one unit: a large message costs what a handful of small ones do. */
export const QUOTA_UNIT_BYTES = 16_384;
/** Largest weight of an application: a message to it costs then what 1 MiB elsewhere does. */
export const QUOTA_WEIGHT_MAX = 64;
/** How far a stream may overdraw a quota, as time to make up for it: what is on its way when its credit is held back. */
export const QUOTA_DEBT_MS = 1_000;

// Overload

/** How often the load is looked at: a few times within the second that refused callers wait. */
export const LOAD_INTERVAL_MS = 250;
/** Event loop delay, 99th percentile, above which the node takes less: from here on people notice. */
export const LOOP_DELAY_MS_MAX = 100;
/** Event loop delay below which it takes everything again. */
export const LOOP_DELAY_CALM_MS = 50;
/** Precision of the delay: the loop is woken this often to measure it. */
export const LOOP_DELAY_RESOLUTION_MS = 20;
/** Time the percentile is taken over, at least, and at most twice this: one long collection of garbage is no overload. */
export const LOOP_DELAY_WINDOW_MS = 2_500;
/** Of the heap that V8 may use, above which the node takes less: beyond, collecting garbage takes all the time. */
export const HEAP_PERCENT_MAX = 92;
/** Of the heap, below which it takes everything again. */
export const HEAP_PERCENT_CALM = 85;
/** Calm intervals in a row before the node calls itself ready again: balancers should not see it swing. */
export const OVERLOAD_CALM_INTERVALS = 8;
/** Requests in flight on all connections: some hundred megabytes of bookkeeping. */
export const NODE_INFLIGHT_MAX = 65_536;
/** Of the requests in flight, below which the node counts as calm. */
export const INFLIGHT_PERCENT_CALM = 70;
/** Of a limit on requests in flight, where EVENTs stop: nobody waits for them. */
export const SHED_EVENTS_PERCENT = 80;
/** The same for rate classes marked as batch. */
export const SHED_BATCH_PERCENT = 90;
/** Refusals in one interval from which an application counts as overloaded. */
export const SHED_APP_MIN = 10;
/** Of the best rate lately, what the node goes on to serve when its event loop is late: the rest of the time refuses. */
export const OVERLOAD_SERVED_PERCENT = 90;
/** Time in which the best rate is half forgotten: what was possible with other requests may not be now. */
export const BEST_RATE_HALF_LIFE_MS = 60_000;
/** Requests of one application in flight before anything is known about it. */
export const APP_CONCURRENCY_INITIAL = 4_096;
/** The least it may have in flight: a service that is idle must be able to show that it became fast again. */
export const APP_CONCURRENCY_MIN = 32;
/** The most it may have in flight: one application must not take the whole node. */
export const APP_CONCURRENCY_MAX = 32_768;
/** Replies in one interval before their time says anything. */
export const APP_LATENCY_SAMPLES_MIN = 10;

// Capabilities

/** Capabilities with a wrong signature on one connection before it is closed: whoever guesses needs many. */
export const CAP_INVALID_MAX = 10;
/** The time in which those are counted. */
export const CAP_INVALID_WINDOW_MS = 60_000;
