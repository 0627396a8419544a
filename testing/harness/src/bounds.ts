/** How long tests wait before they call it a failure; milliseconds. */

/** A node in a process of its own has started. */
export const PROCESS_START_TIMEOUT_MS = 60_000;
/** A frame, an end of a stream or a log entry that a test expects. */
export const EXPECT_TIMEOUT_MS = 5_000;
