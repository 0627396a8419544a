/**
 * Every bound of the node, with its reason. Sizes are bytes, times are
 * milliseconds, the rest are counts. docs/LIMITS.md lists the same names.
 */

/** A configuration file: it holds a dozen lines, and a wrong path may name anything. */
export const CONFIG_FILE_BYTES_MAX = 262_144;
/** Services one node loads from modules. */
export const SERVICES_MAX = 64;
/** Longest idle timeout an operator may set: a dead peer must go away within a day. */
export const IDLE_TIMEOUT_MS_MAX = 86_400_000;
/** Shortest idle timeout: below this ordinary pauses would end connections. */
export const IDLE_TIMEOUT_MS_MIN = 1_000;
/** Longest drain an operator may set; beyond an hour nobody waits for a node to stop. */
export const DRAIN_MS_MAX = 3_600_000;
/** Most connections an operator may allow: the descriptors Linux gives one process. */
export const CONNECTIONS_SETTING_MAX = 1_048_576;
/** Most bytes of one tenant in storage that an operator may allow: a pebibyte, well within what is counted exactly. */
export const STORAGE_QUOTA_BYTES_MAX = 1_125_899_906_842_624;
/** Most blobs of one tenant: their records take 300 GB of index. */
export const STORAGE_QUOTA_BLOBS_MAX = 1_073_741_824;
/** Shortest grace window: an upload that broke off must be there when its client comes back. */
export const STORAGE_GRACE_MS_MIN = 1_000;
/** Longest grace window: a year; what is to stay longer is pinned. */
export const STORAGE_GRACE_MS_MAX = 31_536_000_000;
/** Fastest scrubbing: more than any disk gives. */
export const STORAGE_SCRUB_RATE_MAX = 17_179_869_184;
/** A quota file: room for thousands of tenants by name. */
export const QUOTA_FILE_BYTES_MAX = 1_048_576;
/** How often certificate and quota files are looked at; a changed one is in use within this time. */
export const FILE_POLL_MS = 30_000;
/** A certificate that ends within two weeks is warned of: renewal should have happened by then, and there is time to find out why not. */
export const CERTIFICATE_WARNING_MS = 1_209_600_000;
/** A signal that follows the first one this soon is the same key press: npm passes on what the terminal sent too. */
export const SIGNAL_REPEAT_MS = 500;
