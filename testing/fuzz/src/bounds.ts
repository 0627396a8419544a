/** Every bound and every figure of the fuzzer: sizes are bytes, times are milliseconds, the rest are counts. */

// Inputs

/** Longest input: two frames of the largest preauthenticated size, and far less than what takes long to look at. */
export const INPUT_BYTES_MAX = 16_384;
/** Mutations of one input: more of them leave nothing of what it was. */
export const MUTATIONS_MAX = 6;
/** Inputs that one target keeps in memory: beyond that it refines what it knows instead of collecting. */
export const CORPUS_INPUTS_MAX = 4_096;
/** Inputs whose coverage is asked for together: asking takes as long as running some of them. */
export const BATCH_INPUTS = 32;
/** Signatures of one function that count as new: a loop over kinds of values has any number of them. */
export const SIGNATURES_PER_FUNCTION_MAX = 128;
/** Attempts to make one new input or one finding smaller. */
export const SHRINK_ATTEMPTS_MAX = 200;

// Oracles

/** CPU time that one input may take; the slowest of what is fuzzed needs a twentieth of it. */
export const INPUT_CPU_MS_MAX = 50;
/** Times a slow or greedy input is run again before it is believed: one of them is not the machine's fault. */
export const CONFIRMATIONS = 3;
/** Memory that one input may add: the largest legal output, decoded by two decoders, is a third of it. */
export const INPUT_MEMORY_BYTES_MAX = 67_108_864;
/** CPU time without a sign of life after which an input counts as endless. */
export const HANG_CPU_MS = 10_000;
/** Heap of the thread that runs a target, MiB: what needs more ends the thread, not the fuzzer. */
export const HEAP_MIB_MAX = 512;
/** One in so many inputs that were taken is also shown to another program. */
export const COMPARE_ONE_IN_TAKEN = 16;
/** One in so many inputs that were refused is also shown to another program. */
export const COMPARE_ONE_IN_REFUSED = 256;
/** Inputs that wait for the answer of another program: on a busy machine an answer takes longer than a hundred runs. */
export const COMPARISONS_MAX = 4;
/** Answer of another program, on a machine that does much else. */
export const PROGRAM_TIMEOUT_MS = 30_000;
/** Findings of one kind that are kept: the first ones say enough. */
export const FINDINGS_PER_KIND_MAX = 2;

// Runs

/** Length of a run that was not told: enough to see it work. */
export const MINUTES_DEFAULT = 1;
/** Longest turn of a target before the next one has its turn. */
export const TURN_MS_MAX = 120_000;
/** Shortest turn: a thread has to load its modules and replay its corpus. */
export const TURN_MS_MIN = 2_000;
/** How often the status line is printed. */
export const STATUS_INTERVAL_MS = 5_000;
/** How often the thread is looked at. */
export const WATCH_INTERVAL_MS = 250;
/** Time a thread has to end by itself when it was asked to. */
export const STOP_WAIT_MS = 10_000;

// What the repository keeps

/** Inputs of one target: beyond that each adds next to nothing. */
export const CORPUS_INPUTS_KEPT_MAX = 96;
/** Bytes of one target's inputs. */
export const CORPUS_BYTES_KEPT_MAX = 65_536;
