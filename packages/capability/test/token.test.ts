import fc from 'fast-check';
import t from 'tap';

import { CapabilityError } from '../src/capability-error.ts';
import { TIME_MS_MAX, TOKEN_BYTES_MAX } from '../src/limits.ts';
import { encodeIdentifier, encodeToken, parseToken, readToken, TOKEN_FAULTS, tokenFromText, tokenToText } from '../src/token.ts';
import type { TokenIdentity } from '../src/token.ts';

const hex = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('hex'));
const anyIdentity: fc.Arbitrary<TokenIdentity> = fc.record({
  kid: hex(8),
  nonce: hex(16),
  issuedAtMs: fc.oneof(fc.constantFrom(0, 1, 2 ** 32, TIME_MS_MAX), fc.integer({ min: 0, max: TIME_MS_MAX })),
});

await t.test('an identity comes back as it went', (t) => {
  fc.assert(
    fc.property(anyIdentity, (identity) => {
      const identifier = encodeIdentifier(identity);
      t.equal(identifier.length, 31);
      const token = parseToken(encodeToken(identifier, [], Buffer.alloc(32)));
      t.strictSame(typeof token === 'string' ? token : token.identity, { ...identity });
    }),
  );
  t.end();
});

await t.test('an identity that cannot be written is a mistake of the program', (t) => {
  const identity = { kid: '0'.repeat(16), nonce: '0'.repeat(32), issuedAtMs: 0 };
  for (const wrong of [
    { kid: '0'.repeat(14) },
    { kid: '0'.repeat(18) },
    { kid: 'g'.repeat(16) },
    { nonce: '0'.repeat(30) },
    { nonce: `${'0'.repeat(31)}x` },
    { issuedAtMs: -1 },
    { issuedAtMs: 0.5 },
    { issuedAtMs: TIME_MS_MAX + 1 },
    { issuedAtMs: Number.NaN },
  ]) {
    t.throws(() => encodeIdentifier({ ...identity, ...wrong }), RangeError, JSON.stringify(wrong));
  }
  t.end();
});

await t.test('text and bytes belong to each other one to one', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
      const text = tokenToText(bytes);
      t.match(text, /^[A-Za-z0-9_-]+$/);
      return tokenFromText(text).equals(bytes);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9_=+/ -]{0,40}$/)), (text) => {
      try {
        return tokenToText(tokenFromText(text)) === text;
      } catch (error) {
        return error instanceof CapabilityError && error.code === 'cap_malformed';
      }
    }),
    { numRuns: 2_000 },
  );
  for (const text of ['', '=', 'AA==', 'AB', 'A', 'AA\n', ' AA', 'A A', 'A+', 'A/', 'AgE.', 'A'.repeat(6_000)]) {
    t.throws(() => tokenFromText(text), { code: 'cap_malformed' }, JSON.stringify(text.slice(0, 10)));
  }
  t.equal(tokenFromText('A'.repeat(Math.floor((TOKEN_BYTES_MAX * 4) / 3) - 1)).length, TOKEN_BYTES_MAX - 1);
  t.end();
});

await t.test('every fault has a sentence that an error can end with', (t) => {
  for (const [fault, sentence] of Object.entries(TOKEN_FAULTS)) t.match(sentence, /^[A-Z].*\.$/, fault);
  t.throws(() => readToken(Buffer.from('02', 'hex')), { code: 'cap_malformed', message: /ends in the middle\. Copy the whole token/ });
  t.throws(() => encodeToken(Buffer.alloc(31), Array.from({ length: 33 }, () => Buffer.alloc(0)), Buffer.alloc(32)), { code: 'token_full' });
  t.end();
});
