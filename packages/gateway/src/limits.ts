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
