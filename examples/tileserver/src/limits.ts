/**
 * Every bound of the tile server, with its reason. Sizes are bytes, times are
 * milliseconds, the rest are counts. docs/LIMITS.md lists the same names.
 */

// Tiles

/** Deepest zoom that is cut: 3,300 tiles in a few seconds; the map draws them larger beyond it. */
export const ZOOM_MAX = 6;
/** One tile, which is held while it is served; the largest of ours has 44 KB. */
export const TILE_BYTES_MAX = 524_288;
/** The manifest of a tileset: 100 bytes for each tile. */
export const TILESET_BYTES_MAX = 4_194_304;
/** Tiles on their way into the store: enough for the node to put many into one commit. */
export const PUTS_IN_FLIGHT = 128;

// Serving

/** Browsers that are connected. */
export const CONNECTIONS_MAX = 256;
/** Tiles being read from the store: what all browsers together may make the server hold. */
export const READS_MAX = 256;
/** A tile comes in time or not at all: a browser waits no longer, and asks again. */
export const ANSWER_MS_MAX = 5_000;
/** Header of a request: a browser sends a kilobyte. */
export const HEADER_BYTES_MAX = 16_384;
/** A request has arrived by then; it has no body. */
export const REQUEST_MS_MAX = 10_000;
/** A browser that asks for nothing is disconnected, and connects again when it does. */
export const KEEP_ALIVE_MS = 15_000;
/** When a client may try again that met READS_MAX or a node that cannot serve, seconds. */
export const RETRY_AFTER_S = 2;
/** Answers under way at the end have so long to be finished. */
export const SHUTDOWN_MS = 5_000;
/** A signal that comes again so soon is the same one: a terminal signals npm and its child, and npm its child once more. */
export const SIGNAL_REPEAT_MS = 500;

// Figures

/** Latest durations of which p50 and p99 are told: minutes of a person who looks at a map. */
export const DURATIONS_KEPT = 4_096;
/** What was served is logged so often, if anything was. */
export const REPORT_INTERVAL_MS = 10_000;
