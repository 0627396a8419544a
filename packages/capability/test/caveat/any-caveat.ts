import fc from 'fast-check';

import { formatAddress } from '../../src/caveat/address.ts';
import type { Caveat } from '../../src/caveat/caveat.ts';
import { TIME_MS_MAX } from '../../src/limits.ts';

const text = (pattern: RegExp) => fc.stringMatching(pattern);
const list = <Value>(entry: fc.Arbitrary<Value>) => fc.array(entry, { minLength: 1, maxLength: 5 });
const time = fc.integer({ min: 0, max: TIME_MS_MAX });

/** One segment of a topic, without comma. */
export const anySegment = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', 'orders', 'eu', '...', '.a', 'a.'),
  text(/^[^\p{C}/\\,.][^\p{C}/\\,]{0,5}$/u),
);
export const anyPrefix = fc
  .tuple(fc.array(anySegment, { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([segments, below]) => segments.join('/') + (below ? '/' : ''));

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
/** Networks in their spelling: the bits behind the prefix are cleared. */
export const anyNetwork = fc.oneof(
  fc.tuple(word, fc.integer({ min: 0, max: 32 })).map(([bits, prefix]) => {
    const masked = prefix === 0 ? 0 : bits & (-1 << (32 - prefix));
    return `${formatAddress({ family: 4, words: [masked, 0, 0, 0] })}/${prefix}`;
  }),
  fc.tuple(word, word, fc.constantFrom(32, 48, 64)).map(([first, second, prefix]) => {
    const masked = prefix === 32 ? 0 : prefix === 48 ? second & -65_536 : second;
    return `${formatAddress({ family: 6, words: [first | 0x2000_0000, masked, 0, 0] })}/${prefix}`;
  }),
);

const anyVerb = fc.oneof(fc.constantFrom('send', 'recv', 'ack'), text(/^[a-z][a-z0-9_]{0,31}$/), fc.integer({ min: 0, max: 65_535 }).map(String));

const fromBytes = (encoding: 'hex' | 'base64url', length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString(encoding));

/** Any caveat that can be written. */
export const anyCaveat: fc.Arbitrary<Caveat> = fc.oneof(
  fromBytes('hex', 16).map((value): Caveat => ({ name: 'tenant', value })),
  time.map((value): Caveat => ({ name: 'exp', value })),
  time.map((value): Caveat => ({ name: 'nbf', value })),
  list(fc.integer({ min: 1, max: 65_535 })).map((value): Caveat => ({ name: 'app', value })),
  list(anyVerb).map((value): Caveat => ({ name: 'verb', value })),
  list(anyPrefix).map((value): Caveat => ({ name: 'prefix', value })),
  list(anyNetwork).map((value): Caveat => ({ name: 'ip', value })),
  list(text(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/)).map((value): Caveat => ({ name: 'node', value })),
  list(text(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,20}$/)).map((value): Caveat => ({ name: 'aud', value })),
  text(/^[a-z][a-z0-9_-]{0,31}$/).map((value): Caveat => ({ name: 'rate', value })),
  fc.maxSafeNat().map((value): Caveat => ({ name: 'max_bytes', value })),
  fc.maxSafeNat().map((value): Caveat => ({ name: 'max_inflight', value })),
  fromBytes('base64url', 32).map((value): Caveat => ({ name: 'tls', value })),
  fromBytes('hex', 32).map((value): Caveat => ({ name: 'cert', value })),
);
