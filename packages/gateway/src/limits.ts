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
/** Wire bytes that cost one unit: a large message costs what a handful of small ones do. */
export const QUOTA_UNIT_BYTES = 16_384;
/** Largest weight of an application: a message to it costs then what 1 MiB elsewhere does. */
export const QUOTA_WEIGHT_MAX = 64;
/** How far a stream may overdraw a quota, as time to make up for it: what is on its way when its credit is held back. */
export const QUOTA_DEBT_MS = 1_000;
/** Shortest time a refused caller is told to wait: sooner it would only be refused again. */
export const RETRY_AFTER_MS_MIN = 1_000;
/** Longest time a refused caller is told to wait: nobody should look dead to its users for longer. */
export const RETRY_AFTER_MS_MAX = 5_000;
/** Spread of the times told, so that those refused together do not come back together. */
export const RETRY_AFTER_JITTER_MS = 1_000;
