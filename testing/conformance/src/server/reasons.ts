/** Status of each reject reason that a server can be made to give (§14). */
const STATUSES = {
  bad_length: 400,
  bad_cap_len: 400,
  cap_on_nonstart: 400,
  bad_version: 400,
  bad_flags: 400,
  hello_required: 400,
  bad_hello: 400,
  comp_unsupported: 400,
  comp_malformed: 400,
  cap_missing: 401,
  app_unknown: 404,
  op_unknown: 404,
  header_timeout: 408,
  body_timeout: 408,
  idle_timeout: 408,
  hello_repeated: 409,
  corr_dup: 409,
  corr_unknown: 409,
  bad_state: 409,
  credit_exceeded: 409,
  frame_too_large: 413,
  cap_too_large: 413,
  preauth_too_large: 413,
  comp_window: 413,
  comp_output: 413,
  comp_ratio: 413,
  comp_blocks: 413,
  inflight: 429,
  inflight_bytes: 429,
  flood: 429,
  cancel_flood: 429,
} as const;

export type Reason = keyof typeof STATUSES;

export const REASON_STATUSES: Readonly<Record<Reason, number>> = STATUSES;

const RETRYABLE: ReadonlySet<string> = new Set(['inflight', 'inflight_bytes']);

/** Whether the same request may succeed later (§8.5). */
export function isRetryable(reason: string): boolean {
  return RETRYABLE.has(reason);
}

/** Reasons whose error names no frame: of the connection, or of a header that cannot be trusted (§8.1). */
const UNADDRESSED: ReadonlySet<string> = new Set(
  ['bad_length', 'frame_too_large', 'preauth_too_large', 'bad_version'].concat('header_timeout', 'body_timeout', 'idle_timeout', 'flood', 'cancel_flood'),
);

export function isUnaddressed(reason: string): boolean {
  return UNADDRESSED.has(reason);
}
