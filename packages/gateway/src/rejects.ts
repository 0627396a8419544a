import { defineReject } from '@omnigate/kernel';

/** The reasons of admission: who may do what, how much, and when the node is too busy (specs/oap-1.md §14). */
export const GatewayReject = {
  cap_malformed: defineReject('cap_malformed', 400, false, 'K', 'Send the bytes of the capability exactly as they were issued, decoded from base64url.'),
  cap_invalid: defineReject('cap_invalid', 401, false, 'K', 'Ask for a new capability, and check that it was issued for this node.'),
  cap_expired: defineReject('cap_expired', 401, false, 'K', 'Ask for a new capability, and check the clock of the machine when it should still be valid.'),
  cap_not_yet: defineReject('cap_not_yet', 401, false, 'K', 'Wait until the capability becomes valid, and check the clock of the machine that issued it.'),
  cap_revoked: defineReject('cap_revoked', 401, false, 'K', 'Ask whoever issued the capability why it was revoked, and for a new one.'),
  cap_kid: defineReject('cap_kid', 401, false, 'K', 'Ask for a capability under the current key of this node.'),
  tenant_mismatch: defineReject('tenant_mismatch', 403, false, 'K', 'Set the tenant_id of the frame to the tenant that the capability was issued for.'),
  cap_scope: defineReject('cap_scope', 403, false, 'K', 'Ask for a capability that covers this application, operation, topic and size.'),
  cap_binding: defineReject('cap_binding', 403, false, 'K', 'Use the capability on the connection, address and node that it is bound to.'),
  quota_tenant: defineReject('quota_tenant', 429, true, 'K', 'Send fewer requests, wait for retry_after_ms, or ask the operator for a larger quota.'),
  quota_app: defineReject('quota_app', 429, true, 'K', 'Send fewer requests to this application, wait for retry_after_ms, or ask the operator for a larger quota.'),
  quota_bytes: defineReject('quota_bytes', 429, true, 'K', 'Send less data, wait for retry_after_ms, or ask the operator for a larger quota.'),
  overload: defineReject('overload', 503, true, 'K', 'Send the request again after retry_after_ms, or to another node.'),
} as const;
