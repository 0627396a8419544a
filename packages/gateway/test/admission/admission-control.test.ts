import { Flag } from '@omnigate/kernel';
import type { Permit } from '@omnigate/kernel';
import t from 'tap';
import { APP_CONCURRENCY_INITIAL, LOAD_INTERVAL_MS, NODE_INFLIGHT_MAX, OVERLOAD_CALM_INTERVALS } from '../../src/limits.ts';
import { ALICE, BOB, ECHO, MAILBOX, Office, WHOLE, ZEROS } from './office.ts';
import type { MessageParts, Visitor } from './office.ts';

/** How many of `count` messages pass. */
function passing(visitor: Visitor, count: number, parts: MessageParts = {}): number {
  let passed = 0;
  for (let i = 0; i < count; i++) if (visitor.outcome(parts) === 'yes') passed++;
  return passed;
}

const EVENT = { flags: Flag.EVENT | Flag.START | Flag.END };
const STREAM = { flags: Flag.REQ | Flag.START };

await t.test('a tenant is measured as one, whatever its connections and capabilities', (t) => {
  using office = new Office({ quotas: { tenant: { units: { perSecond: 100, burst: 20 } } } });
  const [one, two] = [office.holder(), office.holder({}, { address: '198.51.100.9' })];
  t.equal(passing(one, 6) + passing(two, 6), 10);
  t.match(two.ask(), { reject: { reason: 'quota_tenant', status: 429, retryable: true }, retryAfterMs: 1_000 });
  t.equal(two.outcome({ capability: office.mint() }), 'quota_tenant');
  const bob = office.visitor();
  t.equal(passing(bob, 20, { tenant: BOB, capability: office.mint({ tenant: BOB }) }), 10, 'its neighbour is not');
  office.pass(1_000);
  t.equal(one.outcome(), 'yes', 'at the time it was told');
  t.same(office.control.metrics.quotaExhaustions, { tenant: 14, app: 0, bytes: 0 });
  t.end();
});

await t.test('without a capability the address is measured, never the tenant_id', (t) => {
  using office = new Office({ quotas: { address: { units: { perSecond: 1, burst: 20 } }, tenant: { units: { perSecond: 1, burst: 8 } } } });
  const strangers = ['192.0.2.1', '192.0.2.1', '2001:db8::1', '2001:db8::2', '2001:db8:0:1::1', '::ffff:192.0.2.1'].map((address) => office.visitor({ address }));
  const passed = strangers.map((stranger, n) => passing(stranger, 50, { app: ECHO, tenant: n.toString(16).padStart(32, '0') }));
  t.same(passed, [10, 0, 10, 0, 10, 0], 'an IPv6 /64 is one host, and IPv4 is IPv4');
  const holder = office.holder();
  t.equal(passing(holder, 50, { app: ECHO }), 4, 'a tenant that is shown on the HELLO pays for open services too');
  t.equal(passing(holder, 50, { app: ECHO, tenant: ZEROS }), 0, 'whoever says another one pays as an address');
  const expired = office.holder({ tenant: BOB, ttlMs: 1 }, { address: '192.0.2.77' });
  office.pass(120_000);
  t.equal(passing(expired, 50, { app: ECHO, tenant: BOB }), 10, 'as does one whose time is over');
  t.end();
});

await t.test('a million tenant_ids that nobody vouches for leave nothing behind', (t) => {
  using office = new Office();
  const visitor = office.visitor();
  for (let i = 0; i < 1_000_000; i++) visitor.ask({ app: i % 2 === 0 ? ECHO : MAILBOX, tenant: i.toString(16).padStart(32, 'a') });
  t.ok(office.control.metrics.accounts <= 3, `${office.control.metrics.accounts} accounts`);
  t.end();
});

await t.test('an application is measured by itself', (t) => {
  using office = new Office({ quotas: { tenant: { unitsPerApp: { perSecond: 1, burst: 20 } }, weights: { 17: 3 } } });
  const holder = office.holder();
  t.equal(passing(holder, 50), 10);
  t.equal(holder.outcome(), 'quota_app');
  t.equal(passing(holder, 50, { app: 17 }), 4);
  t.end();
});

await t.test('quotas change while the node runs', (t) => {
  using office = new Office();
  const holder = office.holder();
  t.equal(passing(holder, 1_000), 1_000);
  office.control.reload({ tenants: { [ALICE]: { units: { perSecond: 1, burst: 20 } } } });
  t.equal(passing(holder, 50), 10);
  t.throws(() => {
    office.control.reload({ address: { units: { perSecond: -1, burst: 1 } } });
  }, /address\.units/);
  t.equal(holder.outcome(), 'quota_tenant');
  office.control.reload({ tenants: { [ALICE]: { units: { perSecond: 1, burst: 20 } } }, shadow: true });
  t.equal(passing(holder, 50), 50);
  t.equal(office.control.metrics.quotaExhaustions.tenant, 91);
  t.throws(() => new Office({ quotas: { classes: { slow: { units: { perSecond: 0, burst: 1 } } } } }), /classes\.slow/);
  t.end();
});

await t.test('the order: too busy, not allowed, too much', (t) => {
  using office = new Office({ quotas: { tenant: { units: { perSecond: 1, burst: 2 } } } });
  const holder = office.holder();
  const forged = Buffer.from(office.mint());
  forged[40] = (forged[40] as number) ^ 1;
  t.equal(holder.outcome(), 'yes');
  t.equal(holder.outcome(), 'quota_tenant');
  t.equal(holder.outcome({ capability: forged }), 'cap_invalid', 'who is not allowed is told so, and charged nothing');
  office.heapPercent = 99;
  office.pass(LOAD_INTERVAL_MS);
  office.pass(LOAD_INTERVAL_MS);
  const { verificationsComputed } = office.control.metrics;
  t.equal(holder.outcome({ capability: forged }), 'overload');
  t.equal(holder.outcome(), 'overload');
  t.equal(office.control.metrics.verificationsComputed, verificationsComputed, 'and an overloaded node verifies nothing');
  t.end();
});

await t.test('under overload connections go first, then EVENTs, batch, and the rest', (t) => {
  using office = new Office({ quotas: { classes: { night: { batch: true } } } });
  const capability = office.mint({ rateClass: 'night' });
  const holder = office.holder();
  const outcomes = () => [
    office.visitor().hello()?.reject.reason ?? 'yes',
    holder.outcome(EVENT),
    holder.outcome({ capability }),
    holder.outcome(),
  ];
  t.same(outcomes(), ['yes', 'yes', 'yes', 'yes']);
  t.same(office.control.overloadCauses, []);
  office.loopDelayMs = 120;
  for (const expected of [
    ['overload', 'yes', 'yes', 'yes'],
    ['overload', 'overload', 'yes', 'yes'],
    ['overload', 'overload', 'overload', 'yes'],
  ]) {
    office.pass(LOAD_INTERVAL_MS);
    t.same(outcomes(), expected);
  }
  t.same(office.control.overloadCauses, ['event_loop']);
  const refusal = office.visitor().hello();
  t.match(refusal, { reject: { reason: 'overload', status: 503, retryable: true }, retryAfterMs: 1_000, close: true });
  t.notOk((holder.ask(EVENT) as { close?: true }).close, 'a connection that is there stays');
  t.equal(office.control.metrics.sheddingLevel, 3);
  t.same(office.control.metrics.shed, { connection: 4, event: 3, batch: 1, interactive: 0 });
  office.loopDelayMs = 0;
  for (let i = 0; i < OVERLOAD_CALM_INTERVALS + 3; i++) office.pass(LOAD_INTERVAL_MS);
  t.same(outcomes(), ['yes', 'yes', 'yes', 'yes']);
  t.same(office.control.overloadCauses, []);
  t.end();
});

await t.test('a tenant that fills an application does not keep its neighbours out', (t) => {
  using office = new Office();
  const [alice, bob] = [office.holder(), office.holder({ tenant: BOB })];
  const running: Permit[] = [];
  const fill = (visitor: Visitor, parts: MessageParts = {}) => {
    for (;;) {
      const answer = visitor.ask(parts);
      if (answer.reject !== undefined) return answer.reject.reason;
      answer.began();
      running.push(answer);
    }
  };
  t.equal(fill(alice), 'overload');
  t.equal(running.length, APP_CONCURRENCY_INITIAL);
  for (let i = 0; i < 100; i++) bob.permit({ tenant: BOB }).began();
  t.equal(alice.outcome(), 'overload');
  t.equal(alice.outcome({ app: 17 }), 'yes', 'another application is not full');
  t.equal(alice.outcome(STREAM), 'yes', 'and streams that the peer has to end are not its work');
  office.pass(LOAD_INTERVAL_MS);
  t.match(office.control.metrics.appLimits, [{ name: 'mailbox', limit: APP_CONCURRENCY_INITIAL, inflight: APP_CONCURRENCY_INITIAL + 100 }, { name: 'app-17', inflight: 0 }]);
  for (let i = 0; i <= 100; i++) running.pop()?.ended(3);
  t.equal(alice.outcome(), 'yes');
  t.equal(fill(alice, STREAM), 'overload', 'the node has a ceiling too');
  t.ok(running.length >= NODE_INFLIGHT_MAX - 1_000);
  for (const permit of running) permit.ended(1);
  t.end();
});

await t.test('operations that wait for something say nothing about load', (t) => {
  using office = new Office({}, { waiting: [2] });
  const holder = office.holder();
  const waiting = Array.from({ length: 2 * APP_CONCURRENCY_INITIAL }, () => holder.permit({ code: 2 }));
  for (const permit of waiting) permit.began();
  t.equal(holder.outcome(), 'yes');
  t.equal(office.control.metrics.appLimits[0]?.inflight, 0);
  for (const permit of waiting) permit.ended(20_000);
  office.pass(LOAD_INTERVAL_MS);
  t.equal(office.control.metrics.appLimits[0]?.limit, APP_CONCURRENCY_INITIAL);
  t.end();
});

await t.test('accounts of whoever has requests in flight are kept right while settings change', (t) => {
  using office = new Office();
  const holder = office.holder();
  const permits = [holder.permit(), holder.permit(STREAM), holder.permit({ app: ECHO })];
  for (const permit of permits) permit.began();
  office.control.reload({ tenant: { units: { perSecond: 1_000, burst: 1_000 } } });
  t.equal(holder.outcome(), 'yes');
  for (const permit of permits) permit.ended(1);
  t.same(office.control.metrics.appLimits.map(({ inflight }) => inflight), [0, 0]);
  office.heapPercent = 0;
  office.pass(LOAD_INTERVAL_MS);
  t.same(office.control.overloadCauses, []);
  t.end();
});

await t.test('bytes of streams are measured where they come', (t) => {
  using office = new Office({ quotas: { tenant: { bytes: { perSecond: 1_000_000, burst: 1_000_000 } } } });
  const holder = office.holder();
  const message = { app: MAILBOX, code: 1, tenant0: 0, tenant1: 0, tenant2: 0, tenant3: 0 };
  const stream = holder.permit(STREAM);
  let bytes = 0;
  let refusal;
  while ((refusal = stream.continued(message, 65_536, 0, office.nowMs)) === undefined) {
    bytes += 65_536;
    t.equal(stream.overdrawn(office.nowMs), bytes + 100 > 1_000_000);
  }
  t.match(refusal, { reject: { reason: 'quota_bytes' } });
  t.ok(bytes < 2_100_000, `${bytes} bytes`);
  t.equal(holder.outcome(), 'quota_bytes');
  office.pass(refusal.retryAfterMs ?? 0);
  t.equal(stream.overdrawn(office.nowMs), false);
  t.equal(holder.outcome({ flags: WHOLE }), 'yes');
  t.end();
});

await t.test('it looks at the load by itself, until it is disposed of', async (t) => {
  using office = new Office();
  office.loopDelayMs = 10_000;
  office.control.watch();
  office.control.watch();
  const start = performance.now();
  while (office.control.overloadCauses.length === 0 && performance.now() - start < 10_000) await new Promise((resolve) => setTimeout(resolve, 20));
  t.same(office.control.overloadCauses, ['event_loop']);
  office.control[Symbol.dispose]();
  const { sheddingLevel } = office.control.metrics;
  office.loopDelayMs = 0;
  await new Promise((resolve) => setTimeout(resolve, 2 * LOAD_INTERVAL_MS));
  t.equal(office.control.metrics.sheddingLevel, sheddingLevel);
});
