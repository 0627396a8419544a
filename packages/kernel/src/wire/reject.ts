/**
 * What happens to a peer that provoked a reject (specs/oap-1.md §8.2).
 *
 * K: error frame, the connection stays. C: error frame, FIN, reset after
 * CLOSE_LINGER_MS. X: closed without a word. D: discarded. L: raised by a client
 * library itself, never on the wire.
 */
export type Reaction = 'K' | 'C' | 'X' | 'D' | 'L';

/** One registered way to say no: registry/reject_reasons.json holds the same rows. */
export interface Reject {
  /** Registered name; also the value of the metric label. */
  readonly reason: string;
  /** Status code of the error reply. */
  readonly status: number;
  /** Whether the same request may succeed when it is sent again later. */
  readonly retryable: boolean;
  readonly reaction: Reaction;
  /** What the user should do about it, one sentence. */
  readonly fix: string;
}

/** Makes a row; for packages that register reasons of their own. */
export function defineReject(reason: string, status: number, retryable: boolean, reaction: Reaction, fix: string): Reject {
  return Object.freeze({ reason, status, retryable, reaction, fix });
}

/** The reasons of the protocol and of the client library. */
export const Reject = {
  truncated: defineReject('truncated', 400, false, 'X', 'Write whole frames before you close the socket.'),
  bad_length: defineReject('bad_length', 400, false, 'C', 'Set len to the size of the whole frame, header included.'),
  bad_cap_len: defineReject('bad_cap_len', 400, false, 'C', 'Set cap_len to the exact size of the capability bytes inside the frame.'),
  cap_on_nonstart: defineReject('cap_on_nonstart', 400, false, 'C', 'Send the capability only on the START frame of a message.'),
  bad_version: defineReject('bad_version', 400, false, 'C', 'Speak OAP version 1 on this port and check that the URL names an OAP endpoint.'),
  bad_flags: defineReject('bad_flags', 400, false, 'C', 'Set exactly one of REQ, RESP and EVENT, never COMP together with APP_E2E, and leave unknown bits zero.'),
  hello_required: defineReject('hello_required', 400, false, 'C', 'Send a HELLO request as the first frame of every connection.'),
  bad_hello: defineReject('bad_hello', 400, false, 'C', 'Send an empty HELLO body, or a map whose fields have the types of the specification.'),
  comp_unsupported: defineReject('comp_unsupported', 400, false, 'K', 'Send the payload uncompressed, or offer COMP in the supported_flags of your HELLO.'),
  comp_malformed: defineReject('comp_malformed', 400, false, 'K', 'Compress each frame\'s payload as one zstd frame with its content size and without a dictionary.'),
  bad_payload: defineReject('bad_payload', 400, false, 'K', 'Correct the field that detail.field names and send the request again.'),
  cap_missing: defineReject('cap_missing', 401, false, 'K', 'Put a capability on the HELLO or on the START frame of the request.'),
  tls_client: defineReject('tls_client', 401, false, 'X', 'Connect with TLS 1.3 and a client certificate issued by an authority this node trusts.'),
  tls_alpn: defineReject('tls_alpn', 403, false, 'X', 'Offer the ALPN protocol oap/1 in the TLS handshake.'),
  app_unknown: defineReject('app_unknown', 404, false, 'K', 'Check the app_proto_id, or connect to a node that runs this service.'),
  op_unknown: defineReject('op_unknown', 404, false, 'K', 'Use an operation code that the registry lists for this application.'),
  header_timeout: defineReject('header_timeout', 408, false, 'C', 'Write each frame in one piece, and check the network path when the client already does.'),
  body_timeout: defineReject('body_timeout', 408, false, 'C', 'Send smaller frames, or use a network path that carries at least 32 KiB per second.'),
  hello_timeout: defineReject('hello_timeout', 408, false, 'X', 'Send the HELLO as soon as the connection is established.'),
  idle_timeout: defineReject('idle_timeout', 408, false, 'C', 'Send a PING before idle_timeout_ms runs out, or connect again when there is work.'),
  slow_reader: defineReject('slow_reader', 408, false, 'X', 'Read replies as they arrive, and grant less stream credit when you cannot keep up.'),
  tls_timeout: defineReject('tls_timeout', 408, false, 'X', 'Complete the TLS handshake without delay, and check that the client speaks TLS on this port.'),
  hello_repeated: defineReject('hello_repeated', 409, false, 'K', 'Send HELLO once per connection, and open a new connection to negotiate again.'),
  corr_dup: defineReject('corr_dup', 409, false, 'K', 'Choose a corr_id that no request in flight on this connection uses.'),
  corr_unknown: defineReject('corr_unknown', 409, false, 'K', 'Stop sending on a corr_id once its exchange ended or was refused, and begin a new one with START.'),
  bad_state: defineReject('bad_state', 409, false, 'K', 'Send one START, repeat the same app, code and tenant on each continuation, and stop after END.'),
  credit_exceeded: defineReject('credit_exceeded', 409, false, 'K', 'Wait for CREDIT before sending more payload than the window allows.'),
  frame_too_large: defineReject('frame_too_large', 413, false, 'C', 'Split the message into frames no longer than the max_frame of the HELLO reply.'),
  cap_too_large: defineReject('cap_too_large', 413, false, 'C', 'Use a capability of at most 4096 bytes.'),
  preauth_too_large: defineReject('preauth_too_large', 413, false, 'C', 'Keep the HELLO frame, capability included, within 4096 bytes.'),
  stream_too_large: defineReject('stream_too_large', 413, false, 'K', 'Send less data in one message, or use the service that stores large objects.'),
  comp_window: defineReject('comp_window', 413, false, 'K', 'Compress with a window of at most 1 MiB.'),
  comp_output: defineReject('comp_output', 413, false, 'K', 'Split the data so that each frame decodes to at most max_decompressed bytes.'),
  comp_ratio: defineReject('comp_ratio', 413, false, 'K', 'Send data that compresses this well uncompressed, or in frames that stay under max_ratio.'),
  comp_blocks: defineReject('comp_blocks', 413, false, 'K', 'Compress with an ordinary encoder that writes full blocks, at most 64 in a frame.'),
  inflight: defineReject('inflight', 429, true, 'K', 'Wait for replies before sending more requests, or raise the limit of the node.'),
  inflight_bytes: defineReject('inflight_bytes', 429, true, 'K', 'Wait for replies before sending more data, or send large bodies as a stream.'),
  flood: defineReject('flood', 429, false, 'C', 'Fix the client that provokes these errors before connecting again.'),
  cancel_flood: defineReject('cancel_flood', 429, false, 'C', 'Start only requests whose replies you mean to read.'),
  internal: defineReject('internal', 500, false, 'K', 'Report the time and corr_id to the operator, who finds the cause in the node\'s log.'),
  service_crashed: defineReject('service_crashed', 500, false, 'K', 'Read the node\'s log for the ServiceCrashed entry and fix its cause.'),
  conn_limit: defineReject('conn_limit', 503, true, 'X', 'Reuse connections and connect again after a pause.'),
  draining: defineReject('draining', 503, true, 'K', 'Send the request again on a new connection.'),
  service_unavailable: defineReject('service_unavailable', 503, true, 'K', 'Send the request again after retry_after_ms.'),
  connect_failed: defineReject('connect_failed', 503, true, 'L', 'Check that the node runs and that the URL names its address and port.'),
  connection_lost: defineReject('connection_lost', 503, true, 'L', 'Send the request again when repeating it is safe.'),
  deadline_exceeded: defineReject('deadline_exceeded', 504, false, 'L', 'Allow more time for the call, or find out why the node is slow.'),
  cancelled: defineReject('cancelled', 408, false, 'L', 'Make the call again without aborting its signal when you need the result.'),
  client_closed: defineReject('client_closed', 503, false, 'L', 'Create a new client, and close it only after its last call.'),
  bad_response: defineReject('bad_response', 500, false, 'L', 'Check that the URL names an Omnigate node and that client and node speak the same version.'),
  bad_url: defineReject('bad_url', 400, false, 'L', 'Write the URL as oap://host:port or oaps://host:port.'),
  queue_full: defineReject('queue_full', 429, false, 'L', 'Await earlier calls before making more.'),
} as const;

const byReason: ReadonlyMap<string, Reject> = new Map(Object.entries(Reject));

/** The row of a reason that came over the wire; `undefined` when this side does not know it. */
export function rejectByReason(reason: string): Reject | undefined {
  return byReason.get(reason);
}
