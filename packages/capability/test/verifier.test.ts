import t from 'tap';

import type { Denial } from '../src/denial.ts';
import { Grant } from '../src/grant.ts';
import { GrantCache } from '../src/grant-cache.ts';
import { Keyring } from '../src/keyring.ts';
import { CLOCK_SKEW_MS } from '../src/limits.ts';
import { attenuateCapability, mintCapability } from '../src/mint.ts';
import { RevocationList } from '../src/revocations.ts';
import { CapabilityVerifier } from '../src/verifier.ts';
import { NOW, TENANT } from './samples.ts';

const keyring = Keyring.create({ nowMs: NOW });
const mint = (nowMs = NOW, tenant = TENANT) => mintCapability(keyring, { tenant, nowMs });
const reasonOf = (verdict: Grant | Denial) => (verdict instanceof Grant ? 'granted' : verdict.reason);

function granted(verdict: Grant | Denial): Grant {
  if (!(verdict instanceof Grant)) throw new Error(verdict.reason);
  return verdict;
}

await t.test('a token is computed once and remembered by its exact bytes', (t) => {
  const verifier = new CapabilityVerifier(keyring, RevocationList.EMPTY);
  const { bytes } = mint();
  const first = granted(verifier.verify(bytes, NOW));
  t.equal(verifier.verify(Uint8Array.from(bytes), NOW + 1), first, 'the same grant for the same bytes elsewhere');
  t.same([verifier.hits, verifier.misses, verifier.grantsCached], [1, 1, 1]);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (reasonOf(verifier.verify(flipped, NOW)) === 'granted') t.fail(`bit ${bit} does not matter`);
  }
  t.equal(verifier.grantsCached, 1, 'what is refused is not remembered');
  const kept = Uint8Array.from(bytes);
  bytes.fill(0);
  t.equal(reasonOf(verifier.verify(bytes, NOW)), 'cap_malformed');
  t.equal(verifier.verify(kept, NOW), first, 'the cache has a copy of its own');
  t.end();
});

await t.test('what is remembered still ends in time', (t) => {
  const verifier = new CapabilityVerifier(keyring, RevocationList.EMPTY);
  const { bytes, expiresAtMs } = mint();
  const grant = granted(verifier.verify(bytes, NOW));
  t.equal(reasonOf(verifier.verify(bytes, expiresAtMs + CLOCK_SKEW_MS - 1)), 'granted');
  t.equal(reasonOf(verifier.verify(bytes, expiresAtMs + CLOCK_SKEW_MS)), 'cap_expired');
  t.equal(verifier.recheck(grant, expiresAtMs + CLOCK_SKEW_MS), 'cap_expired');
  t.equal(reasonOf(verifier.verify(bytes, NOW - CLOCK_SKEW_MS - 1)), 'cap_not_yet');
  t.equal(verifier.misses, 1);
  t.end();
});

await t.test('a revocation holds for remembered tokens and for open streams at once', (t) => {
  const verifier = new CapabilityVerifier(keyring, RevocationList.EMPTY);
  const tokens = { revoked: mint(), other: mint() };
  const child = attenuateCapability(tokens.revoked.bytes, { maxBytes: 1 });
  const grants = { revoked: granted(verifier.verify(tokens.revoked.bytes, NOW)), other: granted(verifier.verify(tokens.other.bytes, NOW)), child: granted(verifier.verify(child, NOW)) };
  t.equal(verifier.recheck(grants.revoked, NOW), undefined);

  verifier.setRevocations(RevocationList.EMPTY.add({ nonce: tokens.revoked.nonce }, NOW, NOW + 1_000_000));
  t.equal(verifier.grantsCached, 0, 'everything is forgotten');
  t.equal(reasonOf(verifier.verify(tokens.revoked.bytes, NOW)), 'cap_revoked');
  t.equal(reasonOf(verifier.verify(child, NOW)), 'cap_revoked', 'and what was attenuated from it');
  t.equal(reasonOf(verifier.verify(tokens.other.bytes, NOW)), 'granted');
  t.equal(verifier.recheck(grants.revoked, NOW), 'cap_revoked');
  t.equal(verifier.recheck(grants.child, NOW), 'cap_revoked');
  t.equal(verifier.recheck(grants.other, NOW), undefined);
  t.equal(verifier.recheck(grants.other, NOW), undefined, 'asked again');
  t.end();
});

await t.test('a tenant is revoked up to a moment', (t) => {
  const neighbour = 'a'.repeat(32);
  const verifier = new CapabilityVerifier(keyring, RevocationList.EMPTY.add({ tenant: TENANT, issuedUntilMs: NOW }, NOW, NOW + 1_000_000));
  for (const [name, bytes, expected] of [
    ['before', mint(NOW - 1).bytes, 'cap_revoked'],
    ['at', mint(NOW).bytes, 'cap_revoked'],
    ['behind', mint(NOW + 1).bytes, 'granted'],
    ['neighbour', mint(NOW, neighbour).bytes, 'granted'],
  ] as const) {
    t.equal(reasonOf(verifier.verify(bytes, NOW + 10)), expected, name);
  }
  t.end();
});

await t.test('keys that change forget what was verified with them', (t) => {
  const verifier = new CapabilityVerifier(keyring, RevocationList.EMPTY);
  const { bytes } = mint();
  const grant = granted(verifier.verify(bytes, NOW));
  const rotated = keyring.rotate({ nowMs: NOW });
  verifier.setKeyring(rotated);
  t.equal(reasonOf(verifier.verify(bytes, NOW)), 'granted', 'verify-only');
  t.equal(verifier.recheck(grant, NOW), undefined);
  verifier.setKeyring(rotated.retire(keyring.active.kid, NOW, true));
  t.equal(reasonOf(verifier.verify(bytes, NOW)), 'cap_kid');
  t.equal(verifier.recheck(grant, NOW), 'cap_kid');
  verifier.setKeyring(Keyring.create({ nowMs: NOW }));
  t.equal(verifier.recheck(grant, NOW), 'cap_kid', 'unknown');
  t.end();
});

await t.test('the cache is bounded in entries and bytes, and the least recently used goes first', (t) => {
  const verifier = new CapabilityVerifier(keyring, RevocationList.EMPTY, { grantsCachedMax: 3 });
  const [a, b, c, d] = [mint(), mint(), mint(), mint()].map(({ bytes }) => bytes) as [Buffer, Buffer, Buffer, Buffer];
  for (const bytes of [a, b, c, a, d]) verifier.verify(bytes, NOW);
  t.equal(verifier.grantsCached, 3);
  const { misses } = verifier;
  for (const bytes of [a, c, d]) verifier.verify(bytes, NOW);
  t.equal(verifier.misses, misses, 'used lately');
  verifier.verify(b, NOW);
  t.equal(verifier.misses, misses + 1, 'not used');

  const small = new GrantCache(1_000, 3 * a.length);
  const grant = granted(verifier.verify(a, NOW));
  for (let n = 0; n < 100; n++) {
    small.set(mint().bytes, grant);
    t.ok(small.bytes <= 3 * a.length);
  }
  t.equal(small.size, 3);
  small.set(Buffer.alloc(3 * a.length + 1), grant);
  t.equal(small.size, 0, 'one that is too large is not kept');
  t.equal(small.bytes, 0);
  t.end();
});

await t.test('tokens whose signatures begin alike take turns and are not mistaken for each other', (t) => {
  const cache = new GrantCache(10, 10_000);
  const grant = granted(new CapabilityVerifier(keyring, RevocationList.EMPTY).verify(mint().bytes, NOW));
  const token = (first: number, last: number, head = 0) => Buffer.concat([Buffer.alloc(10, head), Buffer.alloc(4, first), Buffer.alloc(27), Buffer.of(last)]);
  cache.set(token(1, 1), grant);
  t.equal(cache.get(token(1, 1)), grant);
  for (const [name, other] of [['signature', token(1, 2)], ['rest', token(1, 1, 9)], ['length', Buffer.concat([Buffer.of(0), token(1, 1)])]] as const) {
    t.equal(cache.get(other), undefined, name);
  }
  cache.set(token(1, 2), grant);
  t.equal(cache.get(token(1, 1)), undefined);
  t.equal(cache.get(token(1, 2)), grant);
  t.equal(cache.size, 1);
  t.equal(cache.get(Buffer.alloc(31)), undefined, 'too short for a signature');
  cache.clear();
  t.same([cache.size, cache.bytes, cache.get(token(1, 2))], [0, 0, undefined]);
  t.end();
});

await t.test('a revocation list forgets in time, covers, and is bounded', (t) => {
  const nonce = (n: number) => n.toString(16).padStart(32, '0');
  let list = RevocationList.EMPTY.add({ nonce: nonce(1) }, NOW, NOW + 10).add({ tenant: TENANT, issuedUntilMs: NOW }, NOW, NOW + 20);
  t.equal(list.sequence, 2);
  list = list.add({ nonce: nonce(2) }, NOW + 10, NOW + 30);
  t.same(list.entries.map(({ sequence }) => sequence), [2, 3], 'the first is forgotten');
  t.notOk(list.isRevoked({ nonce: nonce(1), tenant: 'b'.repeat(32), issuedAtMs: NOW }));
  list = list.add({ tenant: TENANT, issuedUntilMs: NOW + 5 }, NOW + 10, NOW + 40);
  t.same(list.entries.map(({ sequence }) => sequence), [3, 4], 'a later one covers an earlier one');
  t.ok(list.isRevoked({ nonce: nonce(9), tenant: TENANT, issuedAtMs: NOW + 5 }));
  list = list.add({ tenant: TENANT, issuedUntilMs: NOW }, NOW + 10, NOW + 40);
  t.ok(list.isRevoked({ nonce: nonce(9), tenant: TENANT, issuedAtMs: NOW + 5 }), 'an earlier one does not cover a later one');
  t.same(list.addedSince(3).map(({ sequence }) => sequence), [4, 5]);

  const entries = Array.from({ length: 16_384 }, (_, index) => Object.freeze({ nonce: nonce(index), sequence: index + 1, forgetAtMs: NOW + 100 }));
  const full = new RevocationList(16_384, entries);
  t.throws(() => full.add({ nonce: nonce(99_999) }, NOW, NOW + 100), { code: 'list_full', fix: /retire the old one by force/ });
  t.equal(full.add({ nonce: nonce(99_999) }, NOW + 100, NOW + 200).entries.length, 1, 'until they are forgotten');
  t.end();
});
