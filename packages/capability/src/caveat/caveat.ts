import { isUtf8 } from 'node:buffer';

import { CapabilityError } from '../capability-error.ts';
import { TIME_MS_MAX } from '../limits.ts';
import { parseNetwork } from './address.ts';
import { isPrefix } from './topic.ts';

/**
 * The vocabulary of caveats (specs/capability-1.md §5). Each is `name=value` in
 * exactly one spelling; whatever is spelled otherwise is unknown, and a token with
 * an unknown caveat allows nothing.
 */
export type Caveat =
  | { readonly name: 'tenant' | 'rate' | 'tls' | 'cert'; readonly value: string }
  | { readonly name: 'exp' | 'nbf' | 'max_bytes' | 'max_inflight'; readonly value: number }
  | { readonly name: 'app'; readonly value: readonly number[] }
  | { readonly name: 'verb' | 'prefix' | 'ip' | 'node' | 'aud'; readonly value: readonly string[] };

export type CaveatName = Caveat['name'];

/** Lower-case hex of a 128-bit tenant_id. */
const TENANT = /^[0-9a-f]{32}$/;
/** Name of an operation as the registry has it, in lower case, or its code. */
const VERB = /^([a-z][a-z0-9_]{0,31}|0|[1-9][0-9]{0,4})$/;
const NODE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const AUDIENCE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/;
const RATE = /^[a-z][a-z0-9_-]{0,31}$/;
/** 32 bytes in base64url: the last character has four bits of them. */
const BINDING = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const FINGERPRINT = /^[0-9a-f]{64}$/;
const INTEGER = /^(0|[1-9][0-9]{0,15})$/;

/** The caveat that `bytes` spell, or `undefined` when they spell none. */
export function parseCaveat(bytes: Uint8Array): Caveat | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const equals = text.indexOf('=');
  if (equals < 0) return undefined;
  return parseValue(text.slice(0, equals) as CaveatName, text.slice(equals + 1));
}

function parseValue(name: CaveatName, text: string): Caveat | undefined {
  switch (name) {
    case 'tenant':
      return TENANT.test(text) ? { name, value: text } : undefined;
    case 'rate':
      return RATE.test(text) ? { name, value: text } : undefined;
    case 'tls':
      return BINDING.test(text) ? { name, value: text } : undefined;
    case 'cert':
      return FINGERPRINT.test(text) ? { name, value: text } : undefined;
    case 'exp':
    case 'nbf':
      return withInteger(name, text, TIME_MS_MAX);
    case 'max_bytes':
    case 'max_inflight':
      return withInteger(name, text, Number.MAX_SAFE_INTEGER);
    case 'app':
      return parseApps(text);
    case 'verb':
      return withList(name, text, isVerb);
    case 'prefix':
      return withList(name, text, isPrefix);
    case 'ip':
      return withList(name, text, (entry) => parseNetwork(entry) !== undefined);
    case 'node':
      return withList(name, text, (entry) => NODE.test(entry));
    case 'aud':
      return withList(name, text, (entry) => AUDIENCE.test(entry));
    default:
      name satisfies never;
      return undefined;
  }
}

function isVerb(text: string): boolean {
  // A code is 16 bits wide; `Number` of a name is NaN, which is not above.
  return VERB.test(text) && !(Number(text) > 0xffff);
}

function withInteger(name: 'exp' | 'nbf' | 'max_bytes' | 'max_inflight', text: string, max: number): Caveat | undefined {
  const value = INTEGER.test(text) ? Number(text) : Infinity;
  return value <= max ? { name, value } : undefined;
}

/** app_proto_ids, 1 to 65,535, ascending by number, none twice. */
function parseApps(text: string): Caveat | undefined {
  const entries = text.split(',');
  if (!entries.every((entry) => /^[1-9][0-9]{0,4}$/.test(entry))) return undefined;
  const value = entries.map(Number);
  return value.every((app, index) => app <= 0xffff && app > (value[index - 1] ?? 0)) ? { name: 'app', value } : undefined;
}

/** Entries ascending by their UTF-8 bytes, none twice. */
function withList(
  name: 'verb' | 'prefix' | 'ip' | 'node' | 'aud',
  text: string,
  isEntry: (entry: string) => boolean,
): Caveat | undefined {
  const value = text.split(',');
  let last: Buffer | undefined;
  for (const entry of value) {
    const bytes = Buffer.from(entry, 'utf8');
    if (!isEntry(entry) || (last !== undefined && Buffer.compare(last, bytes) >= 0)) return undefined;
    last = bytes;
  }
  return { name, value };
}

/**
 * The bytes of a caveat. Entries of a list may come in any order and twice.
 *
 * @throws CapabilityError caveat_invalid when the value cannot be written
 */
export function encodeCaveat(caveat: Caveat): Buffer {
  const bytes = Buffer.from(`${caveat.name}=${valueText(caveat)}`, 'utf8');
  if (entriesAreKept(caveat) && parseCaveat(bytes) !== undefined) return bytes;
  throw new CapabilityError('caveat_invalid', `"${caveat.name}" cannot be ${JSON.stringify(caveat.value)}.`, CAVEAT_SYNTAX[caveat.name]);
}

/** A comma inside an entry would make two of it, and half a surrogate pair would become another character. */
function entriesAreKept({ value }: Caveat): boolean {
  if (typeof value !== 'object') return true;
  return value.every((entry) => !String(entry).includes(',') && Buffer.from(String(entry), 'utf8').toString('utf8') === String(entry));
}

function valueText(caveat: Caveat): string {
  if (caveat.name === 'app') return [...new Set(caveat.value)].sort((a, b) => a - b).join(',');
  if (typeof caveat.value !== 'object') return String(caveat.value);
  const entries = [...new Set(caveat.value)].map((entry) => Buffer.from(entry, 'utf8'));
  return entries.sort((a, b) => Buffer.compare(a, b)).join(',');
}

/** How to write each, one sentence; the fix in errors. */
const CAVEAT_SYNTAX: Readonly<Record<CaveatName, string>> = {
  tenant: 'Write the tenant as 32 lower-case hex digits.',
  app: 'Give at least one app_proto_id from 1 to 65535.',
  verb: 'Write operations by their lower-case names in the registry, or by code.',
  prefix: 'Write prefixes as segments joined by "/", without empty ones, ".", "..", "\\", "," or control characters.',
  exp: 'Give the time in Unix milliseconds.',
  nbf: 'Give the time in Unix milliseconds.',
  ip: 'Write networks as 192.0.2.0/24 or 2001:db8::/32, with zeros behind the prefix.',
  node: 'Write node names with at most 64 letters, digits, ".", "_" and "-".',
  aud: 'Write audiences with at most 128 letters, digits, ".", "_", ":", "/" and "-".',
  rate: 'Write the rate class with at most 32 lower-case letters, digits, "_" and "-".',
  max_bytes: 'Give a whole number of bytes.',
  max_inflight: 'Give a whole number of requests.',
  tls: 'Give the 32 bytes of the exporter value in base64url without padding.',
  cert: 'Write the SHA-256 fingerprint as 64 lower-case hex digits without colons.',
};
