import fc from 'fast-check';
import t from 'tap';

import { formatAddress, parseAddress } from '../src/caveat/address.ts';
import { encodeCaveat, parseCaveat } from '../src/caveat/caveat.ts';
import type { Caveat } from '../src/caveat/caveat.ts';
import { Grant } from '../src/grant.ts';
import type { CheckContext } from '../src/grant.ts';
import { CLOCK_SKEW_MS } from '../src/limits.ts';
import { anyCaveat } from './caveat/any-caveat.ts';
import { contextOf, NOW, TENANT, wordsOf } from './samples.ts';

const IDENTITY = { kid: '0123456789abcdef', nonce: '0'.repeat(32), issuedAtMs: NOW };
const TERMS = { ttlMaxMs: 3_600_000, retireAtMs: Infinity };

function grantOf(caveats: readonly Caveat[], terms = TERMS): Grant {
  return new Grant(IDENTITY, TENANT, [{ name: 'tenant', value: TENANT }, ...caveats], terms);
}

/** Caveats that requests of this file have a fair chance to meet; any caveat would hardly ever be met. */
const binding = 'A'.repeat(43);
const certificate = 'ab'.repeat(32);
const likelyCaveat: fc.Arbitrary<Caveat> = fc.oneof(
  fc.subarray([1, 16, 17], { minLength: 1 }).map((value): Caveat => ({ name: 'app', value })),
  fc.subarray(['send', 'recv', '1', '2'], { minLength: 1 }).map((value): Caveat => ({ name: 'verb', value })),
  fc.subarray(['a', 'a/', 'a/b', 'b/', 'ab/'], { minLength: 1 }).map((value): Caveat => ({ name: 'prefix', value })),
  fc.subarray(['192.0.2.0/24', '192.0.2.0/29', '10.0.0.0/8', '2001:db8::/32'], { minLength: 1 }).map((value): Caveat => ({ name: 'ip', value })),
  fc.subarray(['node-a', 'node-b'], { minLength: 1 }).map((value): Caveat => ({ name: 'node', value })),
  fc.subarray(['prod', 'test'], { minLength: 1 }).map((value): Caveat => ({ name: 'aud', value })),
  fc.constantFrom(NOW - 300_000, NOW, NOW + 60_000).map((value): Caveat => ({ name: 'exp', value })),
  fc.constantFrom(NOW - 300_000, NOW, NOW + 120_000).map((value): Caveat => ({ name: 'nbf', value })),
  fc.constantFrom(0, 100, 1_000).map((value): Caveat => ({ name: 'max_bytes', value })),
  fc.constantFrom(1, 10).map((value): Caveat => ({ name: 'max_inflight', value })),
  fc.constantFrom('batch', 'bulk').map((value): Caveat => ({ name: 'rate', value })),
  fc.constant<Caveat>({ name: 'tls', value: binding }),
  fc.constant<Caveat>({ name: 'cert', value: certificate }),
  fc.constantFrom(TENANT, 'e'.repeat(32)).map((value): Caveat => ({ name: 'tenant', value })),
);

interface Asked {
  readonly app: number;
  readonly op: number;
  readonly verb: string;
  readonly topic: string | undefined;
  readonly context: CheckContext;
}

const anyRequest: fc.Arbitrary<Asked> = fc.record({
  app: fc.constantFrom(1, 16, 17, 300),
  op: fc.constantFrom(1, 2, 3),
  verb: fc.constantFrom('send', 'recv', 'purge', ''),
  topic: fc.constantFrom(undefined, 'a', 'a/b', 'a/b/c', 'ab', 'ab/c', 'b/a', 'a/../b', ''),
  context: fc.record({
    nowMs: fc.constantFrom(NOW - 90_000, NOW, NOW + 90_000, NOW + 4_000_000),
    tenant: fc.constantFrom(TENANT, TENANT, TENANT, 'e'.repeat(32)).map(wordsOf),
    payloadBytes: fc.constantFrom(0, 100, 101),
    connection: fc.record({
      address: fc.constantFrom('192.0.2.7', '192.0.2.9', '10.1.1.1', '2001:db8::1', '').map(parseAddress),
      channelBinding: fc.constantFrom(binding, 'B'.repeat(43), undefined),
      certificate: fc.constantFrom(certificate, undefined),
      node: fc.constantFrom('node-a', 'node-b'),
      audience: fc.constantFrom('prod', 'test'),
    }),
  }),
});

const ask = (grant: Grant, { app, op, verb, topic, context }: Asked) => grant.check(app, op, verb, topic, context);

await t.test('another caveat never turns a no into a yes, nor loosens a bound', (t) => {
  let yes = 0;
  let turned = 0;
  const chosen = fc.oneof({ weight: 6, arbitrary: likelyCaveat }, { weight: 1, arbitrary: anyCaveat });
  fc.assert(
    fc.property(fc.array(chosen, { maxLength: 3 }), fc.array(chosen, { minLength: 1, maxLength: 3 }), anyRequest, (caveats, added, request) => {
      const parent = grantOf(caveats);
      const child = grantOf([...caveats, ...added]);
      const parentSays = ask(parent, request);
      const childSays = ask(child, request);
      if (parentSays === undefined) yes += 1;
      if (parentSays === undefined && childSays !== undefined) turned += 1;
      const allowsMore = childSays === undefined && parentSays !== undefined;
      const boundsMore = child.maxBytes > parent.maxBytes || child.maxInflight > parent.maxInflight;
      const livesLonger = child.validFromMs < parent.validFromMs || child.validUntilMs > parent.validUntilMs;
      return !allowsMore && !boundsMore && !livesLonger && (child.restrictsTopics || !parent.restrictsTopics);
    }),
    { numRuns: 10_000 },
  );
  t.ok(yes > 150 && turned > 50, `${yes} requests were allowed by the parent, ${turned} of them not by the child`);
  t.end();
});

await t.test('the answer does not depend on the order of the caveats behind the first', (t) => {
  let yes = 0;
  fc.assert(
    fc.property(fc.array(likelyCaveat, { maxLength: 5 }), anyRequest, (caveats, request) => {
      const forwards = ask(grantOf(caveats), request);
      const backwards = ask(grantOf(caveats.toReversed()), request);
      if (forwards === undefined) yes += 1;
      return (forwards === undefined) === (backwards === undefined);
    }),
    { numRuns: 5_000 },
  );
  t.ok(yes > 50, `${yes} requests were allowed`);
  t.end();
});

await t.test('the time has a minute of skew on both sides', (t) => {
  const grant = grantOf([{ name: 'exp', value: NOW + 300_000 }, { name: 'nbf', value: NOW + 1_000 }]);
  for (const [nowMs, expected] of [
    [NOW + 1_000 - CLOCK_SKEW_MS - 1, 'cap_not_yet'],
    [NOW + 1_000 - CLOCK_SKEW_MS, undefined],
    [NOW + 300_000 + CLOCK_SKEW_MS - 1, undefined],
    [NOW + 300_000 + CLOCK_SKEW_MS, 'cap_expired'],
    [Number.NaN, 'cap_expired'],
  ] as const) {
    t.equal(grant.checkTime(nowMs), expected, String(nowMs - NOW));
    t.equal(grant.check(1, 1, '', undefined, contextOf({ nowMs })), expected, 'in a check, too');
  }
  t.end();
});

await t.test('the key bounds the life of its tokens', (t) => {
  const ttlMaxMs = 1_000;
  t.equal(grantOf([]).validUntilMs, NOW + 3_600_000 + CLOCK_SKEW_MS, 'without an end of its own');
  t.equal(grantOf([{ name: 'exp', value: NOW + 86_400_000 }], { ...TERMS, ttlMaxMs }).validUntilMs, NOW + 1_000 + CLOCK_SKEW_MS, 'with a later one');
  const ending = grantOf([], { ...TERMS, retireAtMs: NOW + 500 });
  t.equal(ending.validUntilMs, NOW + 500);
  t.equal(ending.checkTime(NOW + 499), undefined);
  t.equal(ending.checkTime(NOW + 500), 'cap_kid');
  t.end();
});

await t.test('a tenant is compared in all its words', (t) => {
  const grant = grantOf([]);
  for (let bit = 0; bit < 128; bit++) {
    const bytes = Buffer.from(TENANT, 'hex');
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.equal(grant.check(1, 1, '', undefined, contextOf({ tenant: wordsOf(bytes.toString('hex')) })), 'tenant_mismatch', `bit ${bit}`);
  }
  t.equal(grant.check(1, 1, '', undefined, contextOf()), undefined);
  t.end();
});

await t.test('a topic can be judged later than the rest', (t) => {
  const grant = grantOf([{ name: 'prefix', value: ['orders/'] }]);
  t.ok(grant.restrictsTopics);
  t.equal(grant.checkBeforeTopic(16, 1, 'send', contextOf()), undefined);
  t.equal(grant.check(16, 1, 'send', undefined, contextOf()), 'cap_scope', 'a request without topic');
  t.equal(grant.checkTopic('orders/1'), undefined);
  t.equal(grant.checkTopic('orders/../1'), 'cap_scope');
  t.equal(grantOf([]).checkTopic('orders/../1'), undefined, 'without a restriction every text will do');
  t.end();
});

await t.test('a grant cannot be changed', (t) => {
  const grant = grantOf([{ name: 'max_bytes', value: 5 }, { name: 'rate', value: 'batch' }]);
  t.ok(Object.isFrozen(grant));
  t.throws(() => Object.assign(grant, { maxBytes: 6 }), TypeError);
  t.equal(grant.maxBytes, 5);
  t.equal(grant.maxInflight, Infinity);
  t.equal(grant.rateClass, 'batch');
  t.equal(grant.tenant, TENANT);
  t.end();
});

await t.test('addresses of samples are what they look like', (t) => {
  const address = contextOf().connection.address;
  t.equal(address && formatAddress(address), '192.0.2.7');
  t.equal(parseCaveat(encodeCaveat({ name: 'tls', value: binding }))?.value, binding);
  t.end();
});
