import type { Refusal } from '@omnigate/kernel';
import fc from 'fast-check';
import t from 'tap';
import { QUOTA_ACCOUNTS_MAX, QUOTA_DEBT_MS } from '../../src/limits.ts';
import type { Ledger, Party } from '../../src/quota/ledger.ts';
import { Quotas } from '../../src/quota/quotas.ts';
import { checkQuotaSettings } from '../../src/quota/quota-settings.ts';
import type { QuotaSettings } from '../../src/quota/quota-settings.ts';

const NOW_MS = 10_000;

function tenant(number: number): Party {
  const name = number.toString(16).padStart(32, '0');
  return { address: false, name, key0: 0, key1: 0, key2: 0, key3: number, key4: 0 };
}

function address(number: number): Party {
  return { ...tenant(number), address: true, name: `10.0.0.${number}` };
}

const quotasOf = (settings: QuotaSettings) => new Quotas(settings, () => 0);

/** How many messages of `bytes` pass at one moment, at most `tries`. */
function passing(quotas: Quotas, ledger: Ledger, { bytes = 100, nowMs = NOW_MS, tries = 10_000 } = {}): number {
  for (let passed = 0; passed < tries; passed++) if (quotas.judge(ledger, bytes, nowMs) !== undefined) return passed;
  return tries;
}

function reasonOf(refusal: Refusal | undefined): string | undefined {
  return refusal?.reject.reason;
}

await t.test('a message costs 1, 1 for each 16 KiB begun, and the weight of its application', (t) => {
  const settings: QuotaSettings = { tenant: { units: { perSecond: 1, burst: 130 } }, weights: { 17: 10 } };
  for (const [bytes, app, cost] of [
    [38, 16, 2],
    [16_384, 16, 2],
    [16_385, 16, 3],
    [1_048_576, 16, 65],
    [38, 17, 12],
  ] as const) {
    const quotas = quotasOf(settings);
    t.equal(passing(quotas, quotas.open(tenant(1), app, '', NOW_MS), { bytes }), Math.floor(130 / cost), `${bytes} bytes to ${app}`);
  }
  t.end();
});

await t.test('each bound has a reason of its own, and the first one met is told', (t) => {
  const units = { perSecond: 100, burst: 20 };
  const few = { perSecond: 100, burst: 5 };
  const bytes = { perSecond: 100_000, burst: 100_000 };
  const of = (settings: QuotaSettings, wireBytes: number) => {
    const quotas = quotasOf(settings);
    const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
    passing(quotas, ledger, { bytes: wireBytes });
    const refusal = quotas.judge(ledger, wireBytes, NOW_MS);
    t.equal(refusal?.reject.status, 429);
    t.equal(refusal?.reject.retryable, true);
    return [reasonOf(refusal), refusal?.retryAfterMs, { ...quotas.exhausted }];
  };
  t.same(of({ tenant: { units } }, 100), ['quota_tenant', 1_000, { tenant: 2, app: 0, bytes: 0 }]);
  t.same(of({ tenant: { unitsPerApp: units } }, 100), ['quota_app', 1_000, { tenant: 0, app: 2, bytes: 0 }]);
  t.same(of({ tenant: { bytes } }, 60_000), ['quota_bytes', 1_000, { tenant: 0, app: 0, bytes: 2 }]);
  t.equal(of({ tenant: { units: few, unitsPerApp: few, bytes } }, 60_000)[0], 'quota_tenant');
  t.equal(of({ tenant: { unitsPerApp: few, bytes } }, 60_000)[0], 'quota_app');
  t.end();
});

await t.test('few but maximal frames meet the bound of bytes', (t) => {
  const quotas = quotasOf({ tenant: { units: { perSecond: 10_000, burst: 10_000 }, bytes: { perSecond: 1_048_576, burst: 4_194_304 } } });
  const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
  t.equal(passing(quotas, ledger, { bytes: 1_048_576 }), 4);
  const refusal = quotas.judge(ledger, 1_048_576, NOW_MS);
  t.equal(reasonOf(refusal), 'quota_bytes');
  t.equal(quotas.judge(ledger, 1_048_576, NOW_MS + (refusal?.retryAfterMs ?? 0)), undefined, 'and pass when it was told');
  t.end();
});

await t.test('tenants, applications and addresses do not use up each other', (t) => {
  const quotas = quotasOf({
    tenant: { units: { perSecond: 1, burst: 40 }, unitsPerApp: { perSecond: 1, burst: 20 } },
    address: { units: { perSecond: 1, burst: 6 } },
  });
  t.equal(passing(quotas, quotas.open(tenant(1), 16, '', NOW_MS)), 10, 'an application');
  t.equal(passing(quotas, quotas.open(tenant(1), 17, '', NOW_MS)), 10, 'another one');
  t.equal(passing(quotas, quotas.open(tenant(1), 18, '', NOW_MS)), 0, 'and the tenant has nothing left');
  t.equal(passing(quotas, quotas.open(tenant(2), 16, '', NOW_MS)), 10);
  t.equal(passing(quotas, quotas.open(address(1), 16, '', NOW_MS)), 3, 'an address with the words of a tenant');
  t.equal(passing(quotas, quotas.open(address(2), 16, '', NOW_MS)), 3);
  t.equal(passing(quotas, quotas.open(tenant(1), 16, '', NOW_MS)), 0, 'the same books whoever opens them');
  t.end();
});

await t.test('a tenant by name, and rate classes that only ever take away', (t) => {
  const units = (burst: number) => ({ units: { perSecond: 1, burst } });
  const quotas = quotasOf({
    tenant: units(20),
    tenants: { [tenant(7).name]: units(200), [tenant(8).name]: {} },
    classes: { slow: { ...units(10), batch: true }, wide: units(1_000), heavy: { bytes: { perSecond: 1, burst: 1_000 } } },
  });
  const count = (party: Party, rateClass: string) => passing(quotas, quotas.open(party, 16, rateClass, NOW_MS), { tries: 500 });
  t.equal(count(tenant(7), ''), 100);
  t.equal(count(tenant(8), ''), 500, 'a name replaces all that holds for the others');
  t.equal(count(tenant(1), 'slow'), 5);
  t.equal(count(tenant(1), ''), 5, 'what the class left');
  t.equal(count(tenant(2), 'wide'), 10);
  t.equal(count(tenant(3), 'unknown'), 10, 'a class nobody configured adds nothing');
  t.equal(count(tenant(4), 'heavy'), 10);
  t.same(quotas.exhausted, { tenant: 6, app: 0, bytes: 0 });
  t.equal(passing(quotas, quotas.open(tenant(8), 16, 'heavy', NOW_MS)), 10, '10 messages of 100 bytes');
  t.equal(quotas.exhausted.bytes, 1);
  t.same(['slow', 'wide', ''].map((name) => quotas.open(tenant(1), 16, name, NOW_MS).batch), [true, false, false]);
  t.end();
});

await t.test('a refused message costs nothing, in any of its accounts', (t) => {
  const quotas = quotasOf({ tenant: { units: { perSecond: 10, burst: 100 }, unitsPerApp: { perSecond: 10, burst: 10 } } });
  const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
  t.equal(passing(quotas, ledger), 5);
  for (let i = 0; i < 1_000; i++) quotas.judge(ledger, 100, NOW_MS);
  t.equal(passing(quotas, quotas.open(tenant(1), 17, '', NOW_MS)), 5);
  t.equal(passing(quotas, ledger, { nowMs: NOW_MS + 1_000 }), 5, 'and is not waited for');
  t.end();
});

await t.test('shadow mode counts what would be refused and refuses nothing', (t) => {
  const bounds = { tenant: { units: { perSecond: 10, burst: 20 }, bytes: { perSecond: 10, burst: 20_000 } } };
  const quotas = quotasOf({ ...bounds, shadow: true });
  const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
  t.equal(passing(quotas, ledger, { tries: 100 }), 100);
  t.same(quotas.exhausted, { tenant: 90, app: 0, bytes: 0 }, 'as many as without it');
  for (let i = 0; i < 50; i++) t.equal(quotas.judgeContinuation(ledger, 1_000_000, NOW_MS), undefined);
  t.ok(quotas.exhausted.tenant + quotas.exhausted.bytes > 90);
  t.equal(quotas.overdrawn(ledger, NOW_MS), false);
  quotas.reload(bounds);
  quotas.touch(ledger, NOW_MS);
  t.ok(quotas.judge(ledger, 100, NOW_MS), 'the state is there when it becomes serious');
  t.end();
});

await t.test('settings change while the node runs, and what was used stays used', (t) => {
  const quotas = quotasOf({ tenant: { units: { perSecond: 10, burst: 100 } } });
  const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
  for (let i = 0; i < 25; i++) quotas.judge(ledger, 100, NOW_MS);
  quotas.reload({ tenant: { units: { perSecond: 1_000, burst: 1_000 } }, weights: { 16: 8 } });
  quotas.touch(ledger, NOW_MS);
  t.equal(passing(quotas, ledger), 50, 'half of 1,000 at 10 each');
  t.throws(() => {
    quotas.reload({ tenant: { units: { perSecond: 0, burst: 1 } } });
  }, /tenant\.units/);
  quotas.touch(ledger, NOW_MS);
  t.equal(passing(quotas, ledger, { nowMs: NOW_MS + 1_000 }), 100, 'wrong settings change nothing');
  quotas.reload({ tenants: { [tenant(1).name]: { units: { perSecond: 1, burst: 10 } } } });
  quotas.touch(ledger, NOW_MS + 1_000);
  t.equal(passing(quotas, ledger, { nowMs: NOW_MS + 1_000 }), 0, 'empty of whatever size');
  quotas.reload({});
  quotas.touch(ledger, NOW_MS + 1_000);
  t.equal(passing(quotas, ledger, { nowMs: NOW_MS + 1_000, tries: 1_000 }), 1_000);
  t.end();
});

await t.test('a stream may overdraw a little, gets no credit then, and is refused beyond', (t) => {
  const quotas = quotasOf({ tenant: { bytes: { perSecond: 1_000_000, burst: 1_000_000 } } });
  const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
  t.equal(quotas.judge(ledger, 500_000, NOW_MS), undefined);
  t.equal(quotas.judgeContinuation(ledger, 500_000, NOW_MS), undefined);
  t.equal(quotas.overdrawn(ledger, NOW_MS), false, 'empty');
  t.equal(quotas.judgeContinuation(ledger, 600_000, NOW_MS), undefined);
  t.equal(quotas.overdrawn(ledger, NOW_MS), true);
  t.equal(quotas.overdrawn(ledger, NOW_MS + 599), true);
  t.equal(quotas.overdrawn(ledger, NOW_MS + 600), false);
  t.equal(reasonOf(quotas.judge(ledger, 100, NOW_MS)), 'quota_bytes', 'no other message meanwhile');
  t.equal(quotas.judgeContinuation(ledger, 600_000, NOW_MS), undefined);
  const refusal = quotas.judgeContinuation(ledger, 600_000, NOW_MS);
  t.equal(reasonOf(refusal), 'quota_bytes');
  t.same(quotas.exhausted, { tenant: 0, app: 0, bytes: 2 });
  t.equal(quotas.judge(ledger, 600_000, NOW_MS + (refusal?.retryAfterMs ?? 0)), undefined, 'the whole again when it was told');
  t.end();
});

await t.test('in no window do messages and streams get more than burst + rate x window + debt + one cost', (t) => {
  const frames = fc.array(
    fc.record({ pauseMs: fc.double({ min: 0, max: 2_000, noNaN: true }), bytes: fc.integer({ min: 38, max: 1_048_576 }), starts: fc.boolean() }),
    { minLength: 1, maxLength: 80 },
  );
  fc.assert(
    fc.property(frames, fc.integer({ min: 100_000, max: 5_000_000 }), fc.integer({ min: 100_000, max: 5_000_000 }), (series, perSecond, burst) => {
      const quotas = quotasOf({ tenant: { bytes: { perSecond, burst } } });
      const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
      const passed: { atMs: number; bytes: number }[] = [];
      let nowMs = NOW_MS;
      for (const { pauseMs, bytes, starts } of series) {
        nowMs += pauseMs;
        const refusal = starts ? quotas.judge(ledger, bytes, nowMs) : quotas.judgeContinuation(ledger, bytes, nowMs);
        if (refusal === undefined) passed.push({ atMs: nowMs, bytes });
      }
      return passed.every((first, from) => {
        let total = 0;
        return passed.slice(from).every(({ atMs, bytes }) => {
          total += bytes;
          return total <= burst + ((atMs - first.atMs + QUOTA_DEBT_MS + 0.001) / 1_000) * perSecond + 1_048_576;
        });
      });
    }),
    { numRuns: 300 },
  );
  t.pass('in every case');
  t.end();
});

await t.test('a quota slower than may be told says how long it takes', (t) => {
  const quotas = quotasOf({ tenant: { units: { perSecond: 0.1, burst: 2 } } });
  const ledger = quotas.open(tenant(1), 16, '', NOW_MS);
  t.equal(quotas.judge(ledger, 100, NOW_MS), undefined);
  t.match(quotas.judge(ledger, 100, NOW_MS), { retryAfterMs: 5_000, detail: { wait_ms: 20_000 } });
  t.end();
});

await t.test('accounts are bounded, and a ledger whose account was dropped finds it again', (t) => {
  const quotas = quotasOf({ tenant: { units: { perSecond: 1, burst: 10 } } });
  const ledger = quotas.open(tenant(0), 16, '', NOW_MS);
  t.equal(passing(quotas, ledger), 5);
  for (let i = 1; i <= QUOTA_ACCOUNTS_MAX + 10; i++) quotas.open(tenant(i), 16, '', NOW_MS);
  t.equal(quotas.accounts, 2 * QUOTA_ACCOUNTS_MAX);
  t.equal(ledger.all.listed, false);
  quotas.touch(ledger, NOW_MS);
  t.equal(ledger.all.listed && ledger.part.listed, true);
  t.equal(ledger.all, quotas.open(tenant(0), 17, '', NOW_MS).all, 'one account for all ledgers');
  t.end();
});

await t.test('settings that are none are refused by name', (t) => {
  for (const [settings, name] of [
    [{ address: { bytes: { perSecond: 1, burst: 0 } } }, 'address.bytes'],
    [{ tenant: { unitsPerApp: { perSecond: -1, burst: 1 } } }, 'tenant.unitsPerApp'],
    [{ tenants: { abc: {} } }, 'tenants.abc'],
    [{ tenants: { ['A'.repeat(32)]: {} } }, 'tenants.A'],
    [{ tenants: { ['a'.repeat(32)]: { units: { perSecond: 1, burst: Infinity } } } }, 'units'],
    [{ classes: { slow: { units: { perSecond: 0, burst: 1 } } } }, 'classes.slow.units'],
    [{ weights: { 16: 65 } }, 'weights.16'],
    [{ weights: { 16: 0.5 } }, 'weights.16'],
  ] as const) {
    t.throws(() => {
      checkQuotaSettings(settings);
    }, { name: 'RangeError', message: new RegExp(name.replaceAll('.', '\\.')) });
  }
  t.end();
});
