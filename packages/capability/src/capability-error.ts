/** Kinds of trouble, so that nobody has to read a message to tell them apart. */
export type CapabilityErrorCode =
  /** Bytes or text that are no canonical capability. */
  | 'cap_malformed'
  /** A restriction that cannot be written as a caveat. */
  | 'caveat_invalid'
  /** A token would have too many caveats or bytes. */
  | 'token_full'
  /** A token would live longer than its key allows. */
  | 'ttl_too_long'
  /** No key of this id, or not in the state for this. */
  | 'key_unavailable'
  /** Too many keys or revocations at one time. */
  | 'list_full'
  | 'file_missing'
  | 'file_exists'
  /** Others could read or change the file. */
  | 'file_mode'
  /** The contents of a file are not what this package writes. */
  | 'file_damaged'
  /** Another process holds the file. */
  | 'file_locked'
  /** The audit log does not end where its head says. */
  | 'audit_damaged'
  /** A record could not be written. */
  | 'audit_unavailable';

/** The one error this package throws on purpose. Its texts never hold key or token bytes. */
export class CapabilityError extends Error {
  override readonly name = 'CapabilityError';
  readonly code: CapabilityErrorCode;
  /** What to do about it, one sentence; also the end of `message`. */
  readonly fix: string;

  /** @param what what happened, one sentence */
  constructor(code: CapabilityErrorCode, what: string, fix: string, options?: ErrorOptions) {
    super(`${what} ${fix}`, options);
    this.code = code;
    this.fix = fix;
  }
}
