import { createHash } from 'node:crypto';

/** What a token can be bound to on a connection (specs/capability-1.md §5.9), in the spelling of caveats. */

/** How to ask TLS for the value of the caveat `tls`: `exportKeyingMaterial(bytes, label)` with an empty context (RFC 9266). */
export const CHANNEL_BINDING = Object.freeze({ label: 'EXPORTER-Channel-Binding', bytes: 32 });

/** Value of the caveat `tls` for exported keying material. */
export function channelBindingOf(exported: Uint8Array): string {
  if (exported.length !== CHANNEL_BINDING.bytes) throw new RangeError(`a channel binding has ${CHANNEL_BINDING.bytes} bytes`);
  return Buffer.from(exported).toString('base64url');
}

/** Value of the caveat `cert` for a certificate, DER. */
export function certificateFingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
