/**
 * The attack list. What a node must show for each row: a reaction of
 * specs/oap-1.md §8.2 with status and reason, or a few words where the answer is
 * no refusal.
 */
export interface Row {
  readonly row: number;
  readonly attack: string;
  /** All of these, in any order, and nothing else. */
  readonly expected: readonly string[];
  /** What may be seen beside them. */
  readonly possible?: readonly string[];
  /** What the specification decides where the row leaves something open. */
  readonly note?: string;
}

const ACCEPTED = 'accepted';

export const ROWS: readonly Row[] = [
  { row: 1, attack: '1 to 37 header bytes, then FIN', expected: ['X 400 truncated'] },
  { row: 2, attack: '1 to 37 bytes, then silence', expected: ['C 408 header_timeout'] },
  { row: 3, attack: 'a header dripped byte by byte', expected: ['C 408 header_timeout'], note: 'at 5 s, however it drips' },
  { row: 4, attack: 'a body dripped below the minimum rate', expected: ['C 408 body_timeout'] },
  { row: 5, attack: 'len 0, or below 38', expected: ['C 400 bad_length'] },
  { row: 6, attack: 'len 0xFFFFFFFF', expected: ['C 413 frame_too_large'], note: 'and no memory for it' },
  { row: 7, attack: 'len max_frame + 1', expected: ['C 413 frame_too_large'] },
  { row: 8, attack: 'len exactly max_frame', expected: [ACCEPTED] },
  { row: 9, attack: 'cap_len beyond the frame', expected: ['C 400 bad_cap_len'] },
  { row: 10, attack: 'cap_len above 0 without START', expected: ['C 400 cap_on_nonstart'] },
  { row: 11, attack: 'cap_len above 4096', expected: ['C 413 cap_too_large'] },
  { row: 12, attack: 'ver 0, 2, 0xFFFF', expected: ['C 400 bad_version'] },
  { row: 13, attack: 'unknown flag bits', expected: ['C 400 bad_flags'] },
  { row: 14, attack: 'REQ and RESP, REQ and EVENT, no kind', expected: ['K 400 bad_flags'] },
  { row: 15, attack: 'TLS or HTTP on the plain port', expected: ['C 413 frame_too_large'], note: 'both begin with a length that is too large' },
  {
    row: 16,
    attack: '64 KiB of random bytes, on many connections',
    expected: ['C 413 frame_too_large'],
    possible: ['C 413 preauth_too_large', 'C 400 bad_length', 'C 400 bad_version'],
  },
  { row: 17, attack: 'a valid conversation split at every offset', expected: [ACCEPTED], note: 'identical results' },
  { row: 18, attack: '1,000 frames in one segment', expected: [ACCEPTED] },
  { row: 19, attack: 'a first frame that is not HELLO', expected: ['C 400 hello_required'] },
  { row: 20, attack: 'a frame over 4 KiB before HELLO', expected: ['C 413 preauth_too_large'] },
  { row: 21, attack: 'a second HELLO', expected: ['K 409 hello_repeated'] },
  { row: 22, attack: 'a flood of HELLOs', expected: ['K 409 hello_repeated', 'C 429 flood'] },
  { row: 23, attack: 'a HELLO that claims max_frame 4 GiB', expected: ['clamped', 'C 413 frame_too_large'] },
  { row: 24, attack: 'connect and send nothing', expected: ['X 408 hello_timeout'] },
  { row: 25, attack: 'a protected app without a capability', expected: ['K 401 cap_missing'] },
  {
    row: 26,
    attack: 'a wrong signature, any flipped bit',
    expected: ['K 401 cap_invalid', 'C 401 cap_invalid', 'K 400 cap_malformed', 'K 401 cap_kid'],
    note: 'C at the 10th in 60 s; a flipped bit of the form or of the key id is told as that',
  },
  {
    row: 27,
    attack: 'thousands of caveats, varint overflow',
    expected: ['K 400 cap_malformed', 'C 413 cap_too_large'],
    note: 'more than 4,096 bytes are no frame',
  },
  { row: 28, attack: 'expired, not yet valid', expected: ['K 401 cap_expired', 'K 401 cap_not_yet'] },
  { row: 29, attack: 'revoked, also with a stream open', expected: ['K 401 cap_revoked'] },
  { row: 30, attack: 'a retired or unknown key', expected: ['K 401 cap_kid'] },
  { row: 31, attack: "a tenant that is not the capability's", expected: ['K 403 tenant_mismatch'], note: 'audited' },
  { row: 32, attack: 'an operation, app, topic or size outside the caveats', expected: ['K 403 cap_scope'] },
  { row: 33, attack: 'a capability bound to another TLS channel', expected: ['K 403 cap_binding'], note: 'audited' },
  { row: 34, attack: 'the tenants of all zeros and all ones', expected: ['K 403 tenant_mismatch'] },
  { row: 35, attack: 'app_proto_ids that nobody has, all of them', expected: ['K 404 app_unknown', 'C 429 flood'] },
  { row: 36, attack: 'a corr_id that is in flight', expected: ['K 409 corr_dup'], note: 'the first request is not harmed' },
  { row: 37, attack: 'continuations of an unknown or ended corr_id', expected: ['K 409 corr_unknown', 'D 409 corr_unknown'], note: 'K 16 times, then D' },
  { row: 38, attack: 'START twice on one corr_id', expected: ['K 409 bad_state'] },
  { row: 39, attack: 'streams begun and never ended', expected: ['K 429 inflight'] },
  { row: 40, attack: 'empty frames without END', expected: ['C 429 flood'] },
  { row: 41, attack: 'a stream over its limit, in many frames', expected: ['K 413 stream_too_large'] },
  { row: 42, attack: 'START and CANCEL in a loop (rapid reset)', expected: ['C 429 cancel_flood'] },
  { row: 43, attack: 'provoked refusals in a loop (MadeYouReset)', expected: ['K 409 bad_state', 'C 429 flood'], note: 'at most 50 error frames a second' },
  { row: 44, attack: 'ACK_REQ on every frame', expected: ['C 429 flood'] },
  {
    row: 45,
    attack: 'unsolicited RESP or CREDIT; more bytes than credit',
    expected: ['D 409 corr_unknown', 'K 409 credit_exceeded'],
  },
  { row: 46, attack: 'corr_id 0 and 2^64 - 1', expected: [ACCEPTED] },
  { row: 47, attack: 'ask for much and never read', expected: ['X 408 slow_reader'] },
  { row: 48, attack: 'a shut window while an error frame is due', expected: ['X 408 slow_reader'] },
  { row: 49, attack: 'a half-close after a request', expected: ['answered, then closed'] },
  { row: 50, attack: 'RST in mid-frame, thousands of times', expected: ['descriptors flat'] },
  { row: 51, attack: 'a flood of connections from one address', expected: ['X 503 conn_limit'], note: 'before TLS' },
  { row: 52, attack: 'the limit of connections in all', expected: ['X 503 conn_limit'] },
  { row: 53, attack: 'a TLS handshake that is silent or drips', expected: ['X 408 tls_timeout'] },
  { row: 54, attack: 'ALPN missing or wrong', expected: ['X 403 tls_alpn'] },
  { row: 55, attack: 'TLS 1.2, no client certificate, an expired or foreign one', expected: ['X 401 tls_client'], note: 'an alert where the TLS library sends one' },
  { row: 56, attack: 'one tenant at 100 times its quota', expected: ['K 429 quota_tenant'], note: 'neighbours lose nothing' },
  { row: 57, attack: 'a storm on one app', expected: ['K 429 quota_app'] },
  { row: 58, attack: 'few but maximal frames', expected: ['K 429 quota_bytes'] },
  { row: 59, attack: 'made-up tenants without a capability', expected: ['K 401 cap_missing', 'tables flat'] },
  { row: 60, attack: 'more load than the node can serve', expected: ['K 503 overload', 'C 503 overload'], note: 'in the order of shedding; /readyz 503 and back' },
  { row: 61, attack: 'a request during a drain', expected: ['K 503 draining'] },
  { row: 62, attack: 'COMP that was not negotiated', expected: ['K 400 comp_unsupported'] },
  { row: 63, attack: 'a zstd window of 1.875 GiB in 10 bytes', expected: ['K 413 comp_window'] },
  { row: 64, attack: 'zstd --ultra -22 --long=31', expected: ['K 413 comp_window'] },
  { row: 65, attack: 'a content size of 2 GiB in 13 bytes', expected: ['K 413 comp_output'] },
  { row: 66, attack: 'RLE blocks of 32,768 to 1', expected: ['K 413 comp_ratio'] },
  { row: 67, attack: '262,000 tiny blocks, 345,000 empty ones', expected: ['K 413 comp_blocks'] },
  { row: 68, attack: 'one block of 32,000 sequences of 131,074 bytes', expected: ['K 400 comp_malformed'] },
  { row: 69, attack: '100,000 frames, 131,000 skippable frames', expected: ['K 400 comp_malformed'] },
  { row: 70, attack: 'dictionary, bad checksum, trailing bytes, truncated', expected: ['K 400 comp_malformed'] },
  { row: 71, attack: 'another content size than decodes; a bad offset', expected: ['K 400 comp_malformed'] },
  { row: 72, attack: 'COMP with APP_E2E', expected: ['K 400 bad_flags'] },
  { row: 73, attack: 'a ratio of 9.9 and of 10.1', expected: [ACCEPTED, 'K 413 comp_ratio'] },
  { row: 74, attack: 'a handler that throws', expected: ['K 500 internal'], possible: ['K 503 service_unavailable'], note: 'nothing of it is told' },
  { row: 75, attack: 'slow-loris and giant headers on the admin port', expected: ['HTTP 408, closed', 'HTTP 431, closed'], note: 'from 5 s on' },
  { row: 76, attack: 'random topics, tenants and apps as label values', expected: ['series constant'] },
];
