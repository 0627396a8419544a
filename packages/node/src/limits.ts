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
/** A quota file: room for thousands of tenants by name. */
export const QUOTA_FILE_BYTES_MAX = 1_048_576;
/** How often certificate and quota files are looked at; a changed one is in use within this time. */
export const FILE_POLL_MS = 30_000;
/** A certificate that ends within two weeks is warned of: renewal should have happened by then, and there is time to find out why not. */
export const CERTIFICATE_WARNING_MS = 1_209_600_000;
/** A signal that follows the first one this soon is the same key press: npm passes on what the terminal sent too. */
export const SIGNAL_REPEAT_MS = 500;
