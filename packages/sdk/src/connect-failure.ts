import { defineReject, OapError, Reject } from '@omnigate/kernel/wire';

/**
 * Why no connection came about, as `detail.kind` of the error says. Each kind
 * has a fix of its own; the reason is `connect_failed` unless the protocol has a
 * more exact one.
 */
export type ConnectFailureKind =
  | 'refused'
  | 'dns'
  | 'unreachable'
  | 'timeout'
  | 'closed'
  | 'ca_file'
  | 'tls_files'
  | 'tls_ca'
  | 'tls_name'
  | 'tls_expired'
  | 'tls_client'
  | 'tls_alpn'
  | 'tls_version'
  | 'not_tls'
  | 'is_tls'
  | 'not_oap'
  | 'other';

const failed = (retryable: boolean, fix: string): Reject => defineReject('connect_failed', 503, retryable, 'L', fix);

const REJECTS: Readonly<Record<ConnectFailureKind, Reject>> = {
  refused: failed(true, 'Start the node with `omnigate start`, or correct the address and port in RON_NODE_URL.'),
  dns: failed(true, 'Correct the host name in RON_NODE_URL, or check the name server.'),
  unreachable: failed(true, 'Check the network path to the node and the firewalls on it.'),
  timeout: failed(true, 'Check that the node is up and that no firewall swallows its port.'),
  closed: failed(true, 'Use oaps:// if this is a TLS port; else read the log of the node, which may be at its connection limit.'),
  ca_file: failed(false, 'Point RON_CA_FILE or tls.caFile at a readable PEM file.'),
  tls_files: failed(false, 'Give tls.ca, tls.cert and tls.key as PEM text, with the key that belongs to the certificate.'),
  tls_ca: failed(false, 'Point RON_CA_FILE or tls.caFile at the PEM certificate of the authority that issued the certificate of the node.'),
  tls_name: failed(false, 'Use a host name that the certificate of the node lists, or name it in tls.servername.'),
  tls_expired: failed(false, 'Renew the certificate of the node, and check the clocks of both machines.'),
  tls_client: Reject.tls_client,
  tls_alpn: defineReject('tls_alpn', 403, false, 'X', 'Check that the URL names the TLS port of an Omnigate node and not another TLS service.'),
  tls_version: failed(false, 'Let the server speak TLS 1.3.'),
  not_tls: failed(false, 'Use oap:// for this port, or name the TLS port of the node (6271 by default).'),
  is_tls: failed(false, 'Use oaps:// for this port, or name the plain port of the node (6270 by default).'),
  not_oap: failed(false, 'Correct the port: 6270 is the default of oap://, 6271 of oaps://, and 6279 speaks HTTP to operators only.'),
  other: Reject.connect_failed,
};

const KINDS_BY_CODE: Readonly<Record<string, ConnectFailureKind>> = {
  ECONNREFUSED: 'refused',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  ENODATA: 'dns',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'closed',
  EPIPE: 'closed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls_ca',
  UNABLE_TO_GET_ISSUER_CERT: 'tls_ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls_ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls_ca',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls_ca',
  CERT_SIGNATURE_FAILURE: 'tls_ca',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls_name',
  CERT_HAS_EXPIRED: 'tls_expired',
  CERT_NOT_YET_VALID: 'tls_expired',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not_tls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'not_tls',
  ERR_SSL_UNEXPECTED_MESSAGE: 'not_tls',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls_version',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'tls_version',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'tls_alpn',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'tls_client',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'tls_client',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'tls_client',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'tls_client',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'tls_client',
};

/** The error for one kind of failure; `what` completes the sentence "No connection to <url>: ...". */
export function connectFailure(kind: ConnectFailureKind, url: string, what: string, cause?: unknown): OapError {
  return new OapError(REJECTS[kind], { message: `No connection to ${url}: ${what}.`, detail: { kind, url }, cause });
}

/** The error for what a socket reported before the HELLO was answered; decided by its code, never by its text. */
export function socketFailure(url: string, error: Error): OapError {
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const code = codeOf(first) ?? codeOf(error);
  const kind = code === undefined ? 'other' : (KINDS_BY_CODE[code] ?? 'other');
  const text = first instanceof Error && first.message !== '' ? first.message : error.message;
  return connectFailure(kind, url, code === undefined || text.includes(code) ? text : `${text} (${code})`, error);
}

/** The error for bytes that are no OAP frame where the answer to the HELLO should be. */
export function foreignBytes(url: string, bytes: Uint8Array): OapError {
  // A TLS record begins with its type, 20 to 23, and the major version 3.
  const isTls = bytes.length >= 2 && (bytes[0] as number) >= 20 && (bytes[0] as number) <= 23 && bytes[1] === 3;
  if (isTls) return connectFailure('is_tls', url, 'the server speaks TLS on this port');
  const isHttp = Buffer.from(bytes.subarray(0, 5)).toString('latin1') === 'HTTP/';
  return connectFailure('not_oap', url, `the server answers in ${isHttp ? 'HTTP' : 'another protocol'} and not in OAP`);
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
