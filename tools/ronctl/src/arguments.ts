import { readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { InvalidArgumentError } from 'commander';
import { certificateFingerprint } from '@omnigate/capability';

/** Readers of arguments that several commands take. */

/** Entries separated by commas; a repeated option adds to them. */
export function list(text: string, previous: readonly string[] = []): readonly string[] {
  const entries = text.split(',');
  if (entries.includes('')) throw new InvalidArgumentError('Separate entries by one comma, and leave none empty.');
  return [...previous, ...entries];
}

/** A whole number from 0 on. */
export function wholeNumber(text: string): number {
  const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Infinity;
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw new InvalidArgumentError('It must be a whole number.');
}

/** A whole number above zero. */
export function count(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number above zero.');
}

/** A tenant_id: 32 hex digits, also in capitals or with the hyphens of a UUID. */
export function tenantId(text: string): string {
  const hex = text.replaceAll('-', '').toLowerCase();
  if (/^[0-9a-f]{32}$/.test(hex)) return hex;
  throw new InvalidArgumentError('It must be 32 hex digits.');
}

/** SHA-256 of a client certificate, lower-case hex, from the fingerprint as openssl prints it or from a PEM file. */
export function fingerprint(text: string): string {
  const hex = text.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return hex;
  try {
    return certificateFingerprint(new X509Certificate(readFileSync(text)).raw);
  } catch {
    throw new InvalidArgumentError('It must be a SHA-256 fingerprint of 64 hex digits, or a PEM file with the certificate.');
  }
}
