/** Every bound and every figure of the loops: sizes are bytes, times are milliseconds, the rest are counts. */

/** One command of the machine, such as mount: far beyond what it takes when all is well. */
export const COMMAND_TIMEOUT_MS = 60_000;
/** Filesystem of the power-cut loops: room for what a node sets aside, and for what the loops write. */
export const DISK_BYTES = 402_653_184;
/** Seconds for which the filesystem holds back what it was not asked to flush: longer than any round. */
export const DISK_HOLDS_BACK_SECONDS = 600;
/** Rounds of a loop as part of the tests of everything. */
export const ROUNDS = 40;
/** Rounds of the loops of the log, which only test the harness. */
export const LOG_ROUNDS = 5;
/** Rounds of a negative control: the first one loses already. */
export const CONTROL_ROUNDS = 2;
/** Shortest load of a round: something was acknowledged before the crash. */
export const LOAD_MS_MIN = 60;
/** Longest load of a round. */
export const LOAD_MS_MAX = 300;
/** Notes that a tally keeps: the first ones say enough. */
export const NOTES_MAX = 12;
/** Pause of the log program after each record: it is not to fill the machine. */
export const LOG_PAUSE_MS = 1;
