import { createHash, randomBytes } from 'node:crypto';
import { attenuateCapability, CapabilityVerifier, Keyring, RevocationList } from '@omnigate/capability';
import type { MintOptions } from '@omnigate/capability';
import type { Peer } from '@omnigate/kernel';
import { Flag } from '@omnigate/kernel';
import { TENANT_NONE } from '@omnigate/kernel/wire';
import t from 'tap';
import { CAP_INVALID_MAX, CAP_INVALID_WINDOW_MS } from '../../src/limits.ts';
import { ALICE, BOB, ECHO, MAILBOX, NOTHING, Office, UNIX_MS, WHOLE, ZEROS } from './office.ts';

const FACTS = { verbs: { 1: 'send', 2: 'recv' }, checksTopics: true };
const MINUTE_MS = 60_000;

function flipped(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

await t.test('a service that needs a capability gets one, or nobody gets in', (t) => {
  using office = new Office();
  const stranger = office.visitor();
  t.equal(stranger.hello(), undefined);
  t.equal(stranger.outcome(), 'cap_missing');
  t.equal(stranger.outcome({ app: ECHO, tenant: BOB }), 'yes', 'open to everyone');
  t.equal(stranger.outcome({ capability: office.mint() }), 'yes', 'with one of its own');
  t.equal(stranger.outcome(), 'cap_missing', 'which is for that message only');
  const holder = office.holder();
  t.equal(holder.outcome(), 'yes', 'with that of the HELLO');
  t.equal(holder.outcome({ capability: office.mint({ tenant: BOB }) }), 'tenant_mismatch', 'the one on the START frame decides');
  t.equal(holder.outcome({ capability: office.mint({ tenant: BOB }), tenant: BOB }), 'yes');
  t.equal(holder.outcome(), 'yes', 'and then the other one again');
  t.end();
});

await t.test('every reason not to believe a capability', (t) => {
  using office = new Office({});
  const good = office.mint({ apps: [MAILBOX] });
  const visitor = office.visitor();
  const outcome = (capability: Uint8Array) => {
    const fresh = office.visitor();
    t.equal(fresh.hello(capability, ALICE)?.reject.reason ?? 'yes', visitor.outcome({ capability }), 'on the HELLO as on a START frame');
    return visitor.outcome({ capability });
  };
  t.equal(outcome(good), 'yes');
  t.equal(outcome(flipped(good, good.length - 1)), 'cap_invalid', 'a bit of the signature');
  t.equal(outcome(flipped(good, 30)), 'cap_invalid', 'a bit of the nonce');
  t.equal(outcome(flipped(good, 0)), 'cap_malformed');
  t.equal(outcome(Buffer.concat([good, Buffer.from([0])])), 'cap_malformed');
  t.equal(outcome(flipped(good, 15)), 'cap_kid', 'a key nobody has');
  t.equal(outcome(office.mint({ ttlMs: 1, nowMs: UNIX_MS - 2 * MINUTE_MS })), 'cap_expired');
  t.equal(outcome(office.mint({ notBeforeMs: UNIX_MS + 2 * MINUTE_MS })), 'cap_not_yet');
  office.revoke({ tenant: BOB, issuedUntilMs: UNIX_MS });
  t.equal(office.visitor().outcome({ capability: office.mint({ tenant: BOB }), tenant: BOB }), 'cap_revoked');
  t.end();
});

await t.test('every reason why a believed capability is not enough', (t) => {
  using office = new Office({}, FACTS);
  const with_ = (restrictions: Partial<MintOptions>, parts = {}) => office.visitor().outcome({ capability: office.mint(restrictions), ...parts });
  t.equal(with_({}), 'yes');
  t.equal(with_({}, { tenant: BOB }), 'tenant_mismatch');
  t.equal(with_({}, { tenant: ZEROS }), 'tenant_mismatch');
  t.equal(with_({}, { tenant: 'f'.repeat(32) }), 'tenant_mismatch');
  t.equal(with_({ apps: [17] }), 'cap_scope');
  t.equal(with_({ apps: [MAILBOX, 17] }), 'yes');
  t.equal(with_({ verbs: ['recv'] }), 'cap_scope');
  t.equal(with_({ verbs: ['send'] }), 'yes');
  t.equal(with_({ verbs: ['1'] }), 'yes', 'by code');
  t.equal(with_({ maxBytes: 61 }), 'cap_scope');
  t.equal(with_({ maxBytes: 62 }), 'yes');
  t.equal(with_({ nodes: ['node-2'] }), 'cap_binding');
  t.equal(with_({ nodes: ['node-1'], audiences: ['test'] }), 'yes');
  t.equal(with_({ audiences: ['other'] }), 'cap_binding');
  t.equal(with_({ networks: ['198.51.100.0/24'] }), 'cap_binding');
  t.equal(with_({ networks: ['192.0.2.0/24'] }), 'yes');
  t.equal(with_({ certificate: 'a'.repeat(64) }), 'cap_binding', 'without TLS');
  t.equal(with_({ apps: [17] }, { app: ECHO }), 'cap_scope', 'a capability that is shown is looked at, also where none is needed');
  t.end();
});

await t.test('a capability may be bound to a TLS connection and to a certificate', (t) => {
  using office = new Office();
  const material = randomBytes(32);
  const certificate = randomBytes(300);
  let asked = 0;
  const peer: Partial<Peer> = {
    secure: true,
    tls: {
      exportKeyingMaterial: (bytes, label) => {
        asked++;
        t.same([bytes, label], [32, 'EXPORTER-Channel-Binding']);
        return material;
      },
      clientCertificate: () => certificate,
    },
  };
  const bound = { channelBinding: material.toString('base64url'), certificate: createHash('sha256').update(certificate).digest('hex') };
  const visitor = office.visitor(peer);
  t.equal(visitor.outcome({ capability: office.mint() }), 'yes');
  t.equal(asked, 0, 'nobody is asked where nothing is bound');
  const capability = office.mint(bound);
  t.equal(visitor.outcome({ capability }), 'yes');
  t.equal(visitor.outcome({ capability }), 'yes');
  t.equal(asked, 1);
  t.equal(office.visitor().outcome({ capability }), 'cap_binding', 'it is worth nothing elsewhere');
  const other = office.visitor({ secure: true, tls: { exportKeyingMaterial: () => randomBytes(32), clientCertificate: () => certificate } });
  t.equal(other.outcome({ capability }), 'cap_binding');
  t.equal(other.outcome({ capability: office.mint({ certificate: bound.certificate }) }), 'yes');
  t.match(office.denied.at(-1), { reason: 'cap_binding', peer: '192.0.2.1', tenant: ALICE });
  t.end();
});

await t.test('topics are judged segment by segment, by whoever reads the payload', (t) => {
  using office = new Office({}, FACTS);
  const holder = office.holder({ prefixes: ['orders/'] });
  const message = { app: MAILBOX, code: 1, tenant0: 0x0001_0203, tenant1: 0x0405_0607, tenant2: 0x0809_0a0b, tenant3: 0x0c0d_0e0f };
  const permit = holder.permit();
  for (const topic of ['orders/new', 'orders/a/b']) t.equal(permit.topic(message, topic), undefined, topic);
  for (const topic of ['orders', 'ordersx', 'orders/../secrets', 'orders//a', '/orders/a', 'billing/a', '']) {
    t.equal(permit.topic(message, topic)?.reject.reason, 'cap_scope', topic);
  }
  t.match(office.denied.at(-1), { reason: 'cap_scope', tenant: ALICE, app: MAILBOX, op: 1, peer: '192.0.2.1' });
  t.match(office.denied.at(-1)?.nonce, /^[0-9a-f]{32}$/);
  t.equal(holder.permit({ flags: Flag.REQ | Flag.START }).topic(message, 'billing')?.reject.reason, 'cap_scope');
  t.equal(holder.outcome({ app: 17 }), 'cap_scope', 'a service that does not ask gets no such capability');
  t.equal(office.holder().permit({ app: 17 }).topic(message, 'anything'), undefined);
  t.equal(holder.permit({ app: ECHO }).topic(message, 'billing'), undefined, 'open services are not judged');
  t.end();
});

await t.test('the HELLO says a tenant or none', (t) => {
  using office = new Office();
  const capability = office.mint();
  t.equal(office.visitor().hello(capability, ALICE), undefined);
  t.equal(office.visitor().hello(capability, TENANT_NONE), undefined);
  const visitor = office.visitor();
  t.equal(visitor.hello(capability, BOB)?.reject.reason, 'tenant_mismatch');
  t.equal(visitor.outcome(), 'cap_missing', 'a refused one is no default');
  t.equal(visitor.hello(capability), undefined, 'and may be said again');
  t.equal(visitor.outcome(), 'yes');
  t.end();
});

await t.test('whoever guesses signatures is cut off', (t) => {
  using office = new Office();
  const forged = flipped(office.mint(), 40);
  const attempts = (visitor: ReturnType<Office['visitor']>, count: number) =>
    Array.from({ length: count }, (_, n) => (n % 2 === 0 ? visitor.ask({ capability: forged }) : visitor.hello(forged)))
      .map((answer) => (answer?.reject?.reason === 'cap_invalid' ? (answer as { close?: true }).close === true : undefined));
  const nine = new Array<boolean>(CAP_INVALID_MAX - 1).fill(false);
  t.same(attempts(office.visitor(), CAP_INVALID_MAX), [...nine, true], 'the tenth on a connection');
  t.same(attempts(office.visitor(), 1), [false], 'each connection has its own count');
  const patient = office.visitor();
  t.same(attempts(patient, CAP_INVALID_MAX - 1), nine);
  office.pass(CAP_INVALID_WINDOW_MS);
  t.same(attempts(patient, CAP_INVALID_MAX), [...nine, true]);
  const other = office.visitor();
  for (let i = 0; i < 2 * CAP_INVALID_MAX; i++) t.notOk((other.ask({ tenant: BOB, capability: office.mint() }) as { close?: true }).close);
  t.end();
});

await t.test('every denial is recorded, with what is known of whom', (t) => {
  using office = new Office();
  const visitor = office.visitor({ address: '2001:db8::7' });
  visitor.ask({ tenant: BOB, code: 5 });
  const capability = office.mint({ apps: [17] });
  visitor.ask({ capability });
  visitor.ask({ capability: flipped(capability, 40) });
  visitor.hello(NOTHING);
  visitor.ask({ app: ECHO });
  const { keyring } = office;
  t.match(office.denied, [
    { reason: 'cap_missing', tenant: BOB, app: MAILBOX, op: 5, peer: '2001:db8::7', kid: undefined, nonce: undefined },
    { reason: 'cap_scope', tenant: ALICE, app: MAILBOX, op: 1, kid: keyring.active.kid, nonce: /^[0-9a-f]{32}$/ },
    { reason: 'cap_invalid', kid: undefined, capability: /./ },
  ]);
  t.equal(office.denied.length, 3, 'and nothing else');
  t.notMatch(JSON.stringify(office.denied), capability.toString('base64url').slice(20, 60));
  t.end();
});

await t.test('a peer is told what is wrong and what to do', (t) => {
  using office = new Office();
  const refusal = office.visitor().hello(NOTHING) ?? office.visitor().hello(flipped(office.mint(), 40));
  t.equal(refusal?.message, 'The signature of the capability is wrong. Ask for a new capability, and check that it was issued for this node.');
  t.end();
});

await t.test('what is revoked in mid-connection ends at once, and so do its streams', (t) => {
  using office = new Office();
  const capability = office.mint();
  const [one, two] = [office.visitor(), office.holder({ tenant: BOB })];
  t.equal(one.hello(capability), undefined);
  const stream = one.permit({ flags: Flag.REQ | Flag.START });
  const open = one.permit({ app: ECHO, flags: Flag.REQ | Flag.START });
  const other = two.permit({ tenant: BOB });
  const message = { app: MAILBOX, code: 1, tenant0: 0, tenant1: 0, tenant2: 0, tenant3: 0 };
  const review = (permit: typeof stream) => permit.review(message, office.nowMs)?.reject.reason;
  t.same([stream, open, other].map(review), [undefined, undefined, undefined]);
  office.revoke({ tenant: ALICE, issuedUntilMs: UNIX_MS });
  t.same([stream, open, other].map(review), ['cap_revoked', undefined, undefined]);
  t.same([stream, open, other].map(review), ['cap_revoked', undefined, undefined], 'and not just the first time');
  t.equal(one.outcome(), 'cap_revoked');
  t.equal(one.outcome({ capability }), 'cap_revoked');
  t.equal(one.outcome({ app: ECHO }), 'yes');
  t.equal(two.outcome({ tenant: BOB }), 'yes');
  t.equal(office.control.metrics.revocationSequence, 1);
  t.match(office.denied[0], { reason: 'cap_revoked', app: MAILBOX });
  t.end();
});

await t.test('what expires, or loses its key, ends too', (t) => {
  using office = new Office();
  const holder = office.holder({ ttlMs: MINUTE_MS });
  const permit = holder.permit();
  const message = { app: MAILBOX, code: 1, tenant0: 0, tenant1: 0, tenant2: 0, tenant3: 0 };
  office.pass(2 * MINUTE_MS - 1);
  t.equal(permit.review(message, office.nowMs), undefined);
  t.equal(holder.outcome(), 'yes', 'a minute for clocks that differ');
  office.nowMs += 1;
  t.equal(permit.review(message, office.nowMs)?.reject.reason, 'cap_expired');
  t.equal(holder.outcome(), 'cap_expired');
  const late = office.holder();
  const stream = late.permit({ flags: Flag.REQ | Flag.START });
  const old = office.keyring.active.kid;
  office.verifier.setKeyring(office.keyring.rotate({ nowMs: office.unixMs }));
  t.equal(stream.review(message, office.nowMs), undefined, 'an old key is still believed');
  t.equal(late.outcome(), 'yes');
  office.verifier.setKeyring(office.verifier.keyring.retire(old, office.unixMs, true));
  t.equal(stream.review(message, office.nowMs)?.reject.reason, 'cap_kid');
  t.equal(late.outcome(), 'cap_kid');
  t.end();
});

await t.test('a clock that people set is followed', (t) => {
  using office = new Office();
  const holder = office.holder({ ttlMs: MINUTE_MS });
  office.unixMs += 3 * MINUTE_MS;
  t.equal(holder.outcome(), 'yes');
  office.control.tick();
  t.equal(holder.outcome(), 'cap_expired');
  t.end();
});

await t.test('a capability may bound the bytes of a message and the requests in flight', (t) => {
  using office = new Office();
  const capability = office.mint({ maxBytes: 100, maxInflight: 2 });
  const [one, two] = [office.visitor(), office.visitor()];
  one.hello(capability);
  two.hello(attenuateCapability(capability, { maxInflight: 3 }));
  const message = { app: MAILBOX, code: 1, tenant0: 0, tenant1: 0, tenant2: 0, tenant3: 0 };
  const first = one.permit({ flags: Flag.REQ | Flag.START, bytes: 50 });
  first.began();
  t.equal(first.continued(message, 88, 100, office.nowMs), undefined);
  t.equal(first.continued(message, 39, 101, office.nowMs)?.reject.reason, 'cap_scope', 'all frames together');
  const second = two.permit();
  second.began();
  const refusal = one.ask();
  t.match(refusal, { reject: { reason: 'inflight', status: 429 }, retryAfterMs: 1_000 });
  t.equal(two.outcome(), 'inflight', 'one count for all that was made from one token');
  t.equal(office.holder({ maxInflight: 2 }).outcome(), 'yes', 'another token has its own');
  second.ended(5);
  t.equal(one.outcome(), 'yes');
  first.ended(5);
  t.equal(office.holder({ maxInflight: 0 }).outcome(), 'inflight');
  t.equal(office.holder({ maxBytes: 10 }).outcome({ app: ECHO }), 'yes', 'open services are not judged');
  t.end();
});

await t.test('refusals cost no room and leave no trace', (t) => {
  using office = new Office();
  const visitor = office.visitor();
  for (let i = 0; i < 20_000; i++) visitor.ask({ tenant: i.toString(16).padStart(32, '0') });
  t.ok(office.control.metrics.accounts <= 2, `${office.control.metrics.accounts} accounts`);
  t.equal(office.denied.length, 20_000);
  t.equal(office.control.metrics.verificationsComputed, 0);
  t.end();
});

await t.test('verifications are counted by whether they were remembered', (t) => {
  using office = new Office();
  const capability = office.mint();
  const visitor = office.visitor();
  for (let i = 0; i < 5; i++) visitor.ask({ capability });
  const { verificationsCached, verificationsComputed } = office.control.metrics;
  t.same([verificationsCached, verificationsComputed], [4, 1]);
  t.end();
});

await t.test('keys of another node are worth nothing', (t) => {
  using office = new Office();
  const elsewhere = new CapabilityVerifier(Keyring.create({ nowMs: UNIX_MS }), RevocationList.EMPTY);
  using other = new Office({ verifier: elsewhere });
  t.equal(other.visitor().outcome({ capability: office.mint(), flags: WHOLE }), 'cap_kid');
  t.end();
});
