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

export const ROWS: readonly Row[] = [
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
  { row: 75, attack: 'slow-loris and giant headers on the admin port', expected: ['HTTP 408, closed', 'HTTP 431, closed'], note: 'from 5 s on' },
  { row: 76, attack: 'random topics, tenants and apps as label values', expected: ['series constant'] },
];
