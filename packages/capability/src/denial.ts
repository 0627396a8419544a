/** Why a capability does not allow something; registry/reject_reasons.json has status and fix of each. */
export type DenialReason =
  | 'cap_missing'
  | 'cap_malformed'
  | 'cap_invalid'
  | 'cap_expired'
  | 'cap_not_yet'
  | 'cap_revoked'
  | 'cap_kid'
  | 'tenant_mismatch'
  | 'cap_scope'
  | 'cap_binding';

/** A no, made once when the module is loaded: refusing a stranger allocates nothing. */
export interface Denial {
  readonly reason: DenialReason;
  /** What exactly is wrong, one sentence that may be told to the peer. */
  readonly detail: string;
}

export function denial(reason: DenialReason, detail: string): Denial {
  return Object.freeze({ reason, detail });
}
