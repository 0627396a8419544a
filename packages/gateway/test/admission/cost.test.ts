import { attenuateCapability, mintCapability } from '@omnigate/capability';
import type { FrameHeader } from '@omnigate/kernel/wire';
import t from 'tap';
import type { Visitor } from './office.ts';
import { ALICE, ECHO, headerOf, MAILBOX, NOTHING, Office, routeOf } from './office.ts';

const ROUNDS = 30;

/** Nanoseconds of one call, in the best of many rounds: whatever else the machine does only adds. */
function costOf(calls: number, call: (n: number) => unknown): number {
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let n = 0; n < calls; n++) call(n);
    best = Math.min(best, ((performance.now() - start) * 1e6) / calls);
  }
  return Math.round(best);
}

const mailbox = routeOf(MAILBOX);
const echo = routeOf(ECHO, 'open');

/** A message that must be admitted. */
function admit({ gate, office }: Visitor, header: FrameHeader, route: typeof mailbox, capability: Uint8Array): void {
  const answer = gate.message(header, route, capability, office.nowMs);
  if (answer.reject !== undefined) throw new Error(answer.reject.reason);
}

const large = { perSecond: 1e12, burst: 1e12 };
const quotas = { tenant: { units: large, bytes: large, unitsPerApp: large }, address: { units: large, bytes: large, unitsPerApp: large } };

await t.test('admitting a request costs next to nothing', (t) => {
  for (const [name, settings] of [
    ['without quotas', {}],
    ['with quotas', quotas],
  ] as const) {
    using office = new Office({ quotas: settings });
    const capability = office.mint({ apps: [MAILBOX, 17], verbs: ['send', 'recv', '1'], networks: ['192.0.2.0/24'] });
    const holder = office.visitor();
    holder.hello(capability);
    const stranger = office.visitor();
    const whole = headerOf({});
    const open = headerOf({ app: ECHO });
    const carrying = headerOf({ capability });
    const openNs = costOf(20_000, () => {
      admit(stranger, open, echo, NOTHING);
    });
    const ownNs = costOf(20_000, () => {
      admit(holder, whole, mailbox, NOTHING);
    });
    const shownNs = costOf(20_000, () => {
      admit(stranger, carrying, mailbox, capability);
    });
    t.comment(`${name}: open service ${openNs} ns, capability of the HELLO ${ownNs} ns, of the START frame ${shownNs} ns`);
    t.ok(openNs < 1_000, `an open service, ${name}: ${openNs} ns`);
    t.ok(ownNs < 2_000, `the capability of the HELLO, ${name}: ${ownNs} ns`);
    t.ok(shownNs < 2_000, `one that is remembered, ${name}: ${shownNs} ns`);
  }
  t.end();
});

await t.test('a capability with eight caveats that was never seen costs less than 60 us', (t) => {
  using office = new Office();
  const visitor = office.visitor();
  const calls = 200;
  const minted = mintCapability(office.keyring, { tenant: ALICE, nowMs: office.unixMs, apps: [MAILBOX], verbs: ['1'], networks: ['192.0.2.0/24'], nodes: ['node-1'], rateClass: 'x' });
  let made = 0;
  const fresh = () => attenuateCapability(minted.bytes, { maxBytes: 1_000_000 + made++ });
  const tokens = Array.from({ length: ROUNDS * calls }, fresh);
  t.equal(minted.caveats.length + 1, 8);
  let used = 0;
  const ns = costOf(calls, () => {
    const capability = tokens[used++] as Buffer;
    admit(visitor, headerOf({ capability }), mailbox, capability);
  });
  t.equal(office.control.metrics.verificationsComputed, tokens.length);
  t.comment(`uncached, 8 caveats: ${ns} ns`);
  t.ok(ns < 60_000, `${ns} ns`);
  t.end();
});

await t.test('saying no to one who is over the quota is cheap as well', (t) => {
  using office = new Office({ quotas: { tenant: { units: { perSecond: 1, burst: 1 } } } });
  const holder = office.holder();
  const whole = headerOf({});
  holder.permit();
  const ns = costOf(20_000, () => {
    if (holder.gate.message(whole, mailbox, NOTHING, office.nowMs).reject === undefined) throw new Error('admitted');
  });
  t.comment(`over the quota: ${ns} ns`);
  t.ok(ns < 2_000, `${ns} ns`);
  t.end();
});
