import type { CheckContext, TenantWords } from '../src/grant.ts';
import { parseAddress } from '../src/caveat/address.ts';
import { Keyring } from '../src/keyring.ts';
import type { Key } from '../src/keyring.ts';
import { TTL_MS_MAX_DEFAULT } from '../src/limits.ts';

/** A moment that all tests share. */
export const NOW = 1_767_225_600_000;
export const TENANT = '00112233445566778899aabbccddeeff';

export function wordsOf(tenant: string): TenantWords {
  const bytes = Buffer.from(tenant, 'hex');
  return { tenant0: bytes.readInt32BE(0), tenant1: bytes.readInt32BE(4), tenant2: bytes.readInt32BE(8), tenant3: bytes.readInt32BE(12) };
}

/** Any request of the sample tenant. */
export function contextOf(changes: Partial<CheckContext> = {}): CheckContext {
  return {
    nowMs: NOW,
    tenant: wordsOf(TENANT),
    payloadBytes: 100,
    connection: {
      address: parseAddress('192.0.2.7'),
      channelBinding: undefined,
      certificate: undefined,
      node: 'node-a',
      audience: 'prod',
    },
    ...changes,
  };
}

/** A keyring with one active key whose secret is the same on every run. */
export function fixedKeyring(ttlMaxMs = TTL_MS_MAX_DEFAULT): Keyring {
  const key: Key = Object.freeze({ kid: '0123456789abcdef', state: 'active', createdAtMs: NOW, ttlMaxMs });
  return new Keyring([{ key, secret: Buffer.from(Array.from({ length: 32 }, (_, index) => index)) }]);
}
