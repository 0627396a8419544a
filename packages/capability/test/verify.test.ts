import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';

import type { Denial } from '../src/denial.ts';
import { Grant } from '../src/grant.ts';
import { inspectCapability } from '../src/inspect.ts';
import { Keyring } from '../src/keyring.ts';
import { CLOCK_SKEW_MS, TOKEN_BYTES_MAX, TOKEN_CAVEATS_MAX, TTL_MS_DEFAULT } from '../src/limits.ts';
import { extendChain } from '../src/macaroon/chain.ts';
import { attenuateCapability, mintCapability } from '../src/mint.ts';
import { encodeToken, readToken, tokenFromText } from '../src/token.ts';
import { verifyCapability } from '../src/verify.ts';
import { contextOf, fixedKeyring, NOW, TENANT } from './samples.ts';

const keyring = fixedKeyring();
const minted = mintCapability(keyring, {
  tenant: TENANT,
  nowMs: NOW,
  apps: [16],
  verbs: ['send', 'recv'],
  prefixes: ['orders/'],
});

const reasonOf = (verdict: Grant | Denial) => (verdict instanceof Grant ? 'granted' : verdict.reason);
const reasonNow = (bytes: Uint8Array, nowMs = NOW, keys = keyring) => reasonOf(verifyCapability(bytes, keys, nowMs));

await t.test('a minted capability is granted, and says what was asked', (t) => {
  const grant = verifyCapability(minted.bytes, keyring, NOW);
  if (!(grant instanceof Grant)) throw new Error(grant.detail);
  t.equal(grant.kid, keyring.active.kid);
  t.equal(grant.nonce, minted.nonce);
  t.equal(grant.tenant, TENANT);
  t.equal(grant.issuedAtMs, NOW);
  t.equal(grant.validUntilMs, NOW + TTL_MS_DEFAULT + CLOCK_SKEW_MS, 'five minutes by default');
  t.equal(grant.check(16, 1, 'send', 'orders/1', contextOf()), undefined);
  t.strictSame(minted.caveats, [`tenant=${TENANT}`, `exp=${NOW + TTL_MS_DEFAULT}`, 'app=16', 'verb=recv,send', 'prefix=orders/']);
  t.ok(tokenFromText(minted.text).equals(minted.bytes));
  t.match(minted.text, /^AgEIb21uaWdhdGU/, 'what secret scanners look for');
  t.end();
});

await t.test('every flipped bit is refused', (t) => {
  const reasons = new Map<string, number>();
  for (let bit = 0; bit < minted.bytes.length * 8; bit++) {
    const bytes = Buffer.from(minted.bytes);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const reason = reasonNow(bytes);
    if (!/^(cap_invalid|cap_malformed|cap_kid)$/.test(reason)) t.fail(`bit ${bit}: ${reason}`);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  t.same([...reasons.keys()].sort(), ['cap_invalid', 'cap_kid', 'cap_malformed']);
  t.equal(reasons.get('cap_kid'), 64, 'the bits of the key id');
  t.end();
});

await t.test('every truncation is refused, and every extension', (t) => {
  for (let length = 0; length < minted.bytes.length; length++) {
    t.equal(reasonNow(minted.bytes.subarray(0, length)), length === 0 ? 'cap_missing' : 'cap_malformed', `${length} bytes`);
  }
  for (let byte = 0; byte < 256; byte++) t.equal(reasonNow(Buffer.concat([minted.bytes, Buffer.of(byte)])), 'cap_malformed');
  t.end();
});

await t.test('any bytes get an answer and no exception', (t) => {
  const { macaroon } = readToken(minted.bytes);
  const resigned = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }).map((caveats) => {
    // A correct chain over caveats that nobody would mint.
    const root = keyring.signIdentifier(keyring.active, macaroon.identifier) ?? Buffer.alloc(0);
    return encodeToken(macaroon.identifier, caveats, extendChain(root, caveats));
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), resigned), fc.double(), (bytes, nowMs) => {
      const reason = reasonNow(bytes, nowMs);
      return reason !== 'granted';
    }),
    { numRuns: 3_000 },
  );
  t.equal(reasonNow(encodeToken(macaroon.identifier, [], keyring.signIdentifier(keyring.active, macaroon.identifier) ?? Buffer.alloc(0))), 'cap_invalid', 'no caveat at all');
  t.end();
});

await t.test('a view into a larger buffer is read where it lies', (t) => {
  const pool = new Uint8Array(minted.bytes.length + 20);
  pool.set(minted.bytes, 7);
  t.equal(reasonNow(pool.subarray(7, 7 + minted.bytes.length)), 'granted');
  t.equal(inspectCapability(pool.subarray(7, 7 + minted.bytes.length)).nonce, minted.nonce);
  t.end();
});

await t.test('attenuating narrows, needs no key, and can be done again', (t) => {
  const once = attenuateCapability(minted.bytes, { verbs: ['send'], maxBytes: 10_000 });
  const twice = attenuateCapability(once, { prefixes: ['orders/eu/'], expiresAtMs: NOW + 1_000, maxBytes: 100 });
  const grant = verifyCapability(twice, keyring, NOW);
  if (!(grant instanceof Grant)) throw new Error(grant.detail);
  t.equal(grant.nonce, minted.nonce, 'it is known by its parent');
  t.equal(grant.maxBytes, 100);
  t.equal(grant.check(16, 1, 'send', 'orders/eu/1', contextOf()), undefined);
  t.equal(grant.check(16, 2, 'recv', 'orders/eu/1', contextOf()), 'cap_scope');
  t.equal(grant.check(16, 1, 'send', 'orders/us/1', contextOf()), 'cap_scope');
  t.equal(reasonNow(twice, NOW + 1_000 + CLOCK_SKEW_MS), 'cap_expired');
  t.equal(reasonNow(once, NOW + 1_000 + CLOCK_SKEW_MS), 'granted', 'the parent goes on');
  t.ok(attenuateCapability(minted.bytes, {}).equals(minted.bytes), 'nothing added');
  t.end();
});

await t.test('a caveat cannot be taken off, moved, or put into another token', (t) => {
  const narrow = readToken(attenuateCapability(minted.bytes, { maxBytes: 1 })).macaroon;
  const { identifier, caveats, signature } = narrow;
  const other = readToken(mintCapability(keyring, { tenant: TENANT, nowMs: NOW }).bytes).macaroon;
  for (const [name, bytes] of [
    ['last one off', encodeToken(identifier, caveats.slice(0, -1), signature)],
    ['first one off', encodeToken(identifier, caveats.slice(1), signature)],
    ['reversed', encodeToken(identifier, caveats.toReversed(), signature)],
    ['twice', encodeToken(identifier, [...caveats, ...caveats.slice(-1)], signature)],
    ['two joined', encodeToken(identifier, [...caveats.slice(0, -2), Buffer.concat(caveats.slice(-2))], signature)],
    ['other identifier', encodeToken(other.identifier, caveats, signature)],
    ['other signature', encodeToken(identifier, caveats, other.signature)],
    ['no signature', encodeToken(identifier, caveats, Buffer.alloc(32))],
  ] as const) {
    t.equal(reasonNow(bytes), 'cap_invalid', name);
  }
  t.end();
});

await t.test('a token that would be too large is not made', (t) => {
  let bytes = minted.bytes;
  for (let count = minted.caveats.length; count < TOKEN_CAVEATS_MAX; count++) bytes = attenuateCapability(bytes, { maxBytes: count });
  t.equal(reasonNow(bytes), 'granted', `${TOKEN_CAVEATS_MAX} caveats`);
  t.throws(() => attenuateCapability(bytes, { maxBytes: 1 }), { code: 'token_full' });
  const nodes = (count: number) => Array.from({ length: count }, (_, index) => `node-${String(index).padStart(5, '0')}`);
  t.throws(() => attenuateCapability(minted.bytes, { nodes: nodes(400) }), { code: 'token_full' });
  t.ok(attenuateCapability(minted.bytes, { nodes: nodes(300) }).length <= TOKEN_BYTES_MAX);
  t.throws(() => attenuateCapability(minted.bytes.subarray(1), {}), { code: 'cap_malformed' });
  t.end();
});

await t.test('what cannot be minted is said with the fix', (t) => {
  const mint = (options: object) => () => mintCapability(keyring, { tenant: TENANT, nowMs: NOW, ...options });
  t.throws(mint({ ttlMs: 3_600_001 }), { code: 'ttl_too_long', fix: /shorter life, or rotate/ });
  t.throws(mint({ expiresAtMs: NOW + 3_600_001 }), { code: 'ttl_too_long' });
  t.throws(mint({ ttlMs: Number.NaN }), { code: 'ttl_too_long' });
  t.throws(mint({ ttlMs: 0 }), { code: 'caveat_invalid' });
  t.throws(mint({ ttlMs: -5 }), { code: 'caveat_invalid' });
  for (const tenant of ['0'.repeat(32), 'f'.repeat(32), 'F'.repeat(32), 'abc', '']) t.throws(mint({ tenant }), { code: 'caveat_invalid' }, tenant);
  t.equal(mint({ ttlMs: 3_600_000 })().expiresAtMs, NOW + 3_600_000);
  const short = mintCapability(fixedKeyring(1_000), { tenant: TENANT, nowMs: NOW });
  t.equal(short.expiresAtMs, NOW + 1_000, 'the default is no longer than the key allows');
  const longer = mintCapability(fixedKeyring(86_400_000), { tenant: TENANT, nowMs: NOW, ttlMs: 86_400_000 });
  t.equal(reasonNow(longer.bytes, NOW + 86_000_000, fixedKeyring(86_400_000)), 'granted', 'the operator said otherwise');
  t.equal(reasonNow(longer.bytes, NOW + 86_000_000), 'cap_expired', 'a key that allows an hour means an hour');
  t.end();
});

await t.test('looking inside shows everything but the signature, and nothing that steers a terminal', (t) => {
  const { identifier, caveats, signature } = readToken(minted.bytes).macaroon;
  const evil = [Buffer.from('\u001b[2Jx\u202e\\n'), Buffer.from([0xff, 0x3d])];
  const bytes = encodeToken(identifier, [...caveats, ...evil], extendChain(signature, evil));
  const seen = inspectCapability(bytes);
  t.equal(seen.bytes, bytes.length);
  t.equal(seen.tenant, TENANT);
  t.equal(seen.expiresAtMs, minted.expiresAtMs);
  t.strictSame(seen.caveats.slice(0, 5).map(({ text }) => text), minted.caveats);
  t.strictSame(seen.caveats.slice(5).map(({ text, caveat }) => [text, caveat]), [
    ['\\u{1b}[2Jx\\u{202e}\\u{5c}n', undefined],
    ['\ufffd=', undefined],
  ]);
  const secret = Buffer.from(readToken(bytes).macaroon.signature);
  for (const encoding of ['hex', 'base64url', 'base64', 'latin1'] as const) t.notOk(JSON.stringify(seen).includes(secret.toString(encoding)), encoding);
  t.equal(reasonNow(bytes), 'cap_scope', 'and unknown caveats deny');
  t.equal(inspectCapability(encodeToken(identifier, [], signature)).tenant, undefined);
  t.end();
});

await t.test('two tokens are never alike', (t) => {
  const nonces = Array.from({ length: 500 }, () => mintCapability(keyring, { tenant: TENANT, nowMs: NOW }).nonce);
  t.equal(new Set(nonces).size, 500);
  const strange = Keyring.create({ nowMs: NOW });
  t.equal(reasonNow(mintCapability(strange, { tenant: TENANT, nowMs: NOW }).bytes), 'cap_kid');
  t.equal(reasonNow(randomBytes(100)), 'cap_malformed');
  t.end();
});
