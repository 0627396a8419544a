/** How long the tool waits and how much it keeps, unless the command line says otherwise. */

/** A frame or an end of the connection that the peer owes; milliseconds. */
export const ANSWER_TIMEOUT_MS = 5_000;
/** What a busy machine may add to a time limit of the specification; milliseconds. */
export const CLOCK_TOLERANCE_MS = 1_500;
/** Cases at a time: some wait for a time limit, which costs nobody anything. */
export const CASES_AT_ONCE = 8;
/** Clients at a time: each is a process, and starting one is work. */
export const CLIENTS_AT_ONCE = 3;
/** A client under test starts, sends its requests and ends; milliseconds. */
export const CLIENT_TIMEOUT_MS = 20_000;
/** A client ends a connection that it must not go on with; below the time that it waits for an answer. Milliseconds. */
export const CLIENT_GIVES_UP_MS = 6_000;
/** Bytes of a client's output that are kept. */
export const CLIENT_OUTPUT_BYTES_MAX = 65_536;
/** Longest frame the tool takes from a peer: no server may send more than max_frame. */
export const FRAME_BYTES_MAX = 1_048_576;
/** Frames of a case that are kept to be shown. */
export const TRACE_FRAMES_MAX = 200;
/** Bytes of a frame that are shown. */
export const TRACE_BYTES_SHOWN = 128;
/** Depth of a MessagePack body that is read. */
export const MESSAGEPACK_DEPTH_MAX = 32;
