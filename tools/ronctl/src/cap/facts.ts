import { inspectCapability } from '@omnigate/capability';

/** What a capability says of itself, as the JSON of several commands has it. */
export function factsOf(token: Uint8Array) {
  const { kid, nonce, tenant, issuedAtMs, expiresAtMs, caveats } = inspectCapability(token);
  return {
    kid,
    nonce,
    tenant: tenant ?? null,
    issued_at_ms: issuedAtMs,
    expires_at_ms: expiresAtMs ?? null,
    caveats: caveats.map(({ text }) => text),
  };
}
