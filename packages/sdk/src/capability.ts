import { inspectCapability } from '@omnigate/capability';
import { CAPABILITY_BYTES_MAX, defineReject, OapError } from '@omnigate/kernel/wire';

/** A capability as bytes, or as base64url text with or without padding. */
export type Capability = string | Uint8Array;

/** Reasons that another capability can help with, and that nothing was done before (specs/oap-1.md §13). */
const OUTDATED: ReadonlySet<string> = new Set(['cap_expired', 'cap_revoked', 'cap_kid']);

const FIXES: Readonly<Record<string, string>> = {
  cap_missing: 'Set RON_CAP or cap to a capability, such as one made with `ronctl cap mint`.',
  outdated: 'Make a new capability with `ronctl cap mint`; a program that outlives its capability gives a function as cap, which is asked for the next one.',
  renewed: 'Let the function given as cap answer with a new capability, such as one made with `ronctl cap mint`.',
};

/**
 * Bytes of a capability.
 *
 * @param name where it came from, for the error, which never shows the capability
 * @throws TypeError when it can be none
 */
export function readCapability(cap: unknown, name: string): Uint8Array {
  if (typeof cap !== 'string' && !(cap instanceof Uint8Array)) throw new TypeError(`${name} is neither text nor bytes`);
  if (typeof cap === 'string' && !/^[A-Za-z0-9_-]+={0,2}$/.test(cap)) {
    throw new TypeError(`${name} is not base64url text: copy the capability again, without spaces or quotes`);
  }
  const bytes = typeof cap === 'string' ? new Uint8Array(Buffer.from(cap, 'base64url')) : cap.slice();
  if (bytes.length === 0 || bytes.length > CAPABILITY_BYTES_MAX) {
    throw new TypeError(`${name} has ${bytes.length} bytes: a capability has 1 to ${CAPABILITY_BYTES_MAX}`);
  }
  return bytes;
}

/** What a capability says of itself; nothing when the bytes are none of ours, which the node will judge. */
export function readCapabilityFacts(bytes: Uint8Array | undefined): { tenant?: string | undefined; expiresAtMs?: number | undefined } {
  if (bytes === undefined) return {};
  try {
    return inspectCapability(bytes);
  } catch {
    return {};
  }
}

/** Whether a refusal says that the capability had its time. */
export function isOutdated(error: OapError): boolean {
  return OUTDATED.has(error.reason);
}

/** Whether the request was in flight when its capability ended, so that it may have been carried out. */
export function endedInFlight({ detail }: OapError): boolean {
  return typeof detail === 'object' && detail !== null && Reflect.get(detail, 'in_flight') === true;
}

/** The error with a fix that fits a client, where it is about a missing or outdated capability. */
export function explainCapability(error: OapError, renewable: boolean): OapError {
  const { reason, status, what, corrId, origin, detail } = error;
  const fix = isOutdated(error) ? FIXES[renewable ? 'renewed' : 'outdated'] : FIXES[reason];
  if (fix === undefined) return error;
  return new OapError(defineReject(reason, status, false, 'K', fix), {
    origin,
    detail,
    cause: error.cause ?? error,
    ...(what === undefined ? {} : { message: what }),
    ...(corrId === undefined ? {} : { corrId }),
  });
}
