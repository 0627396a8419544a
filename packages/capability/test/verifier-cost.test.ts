import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';

import { Grant } from '../src/grant.ts';
import { Keyring } from '../src/keyring.ts';
import { hmac } from '../src/macaroon/chain.ts';
import { mintCapability } from '../src/mint.ts';
import type { MintOptions } from '../src/mint.ts';
import { RevocationList } from '../src/revocations.ts';
import { CapabilityVerifier } from '../src/verifier.ts';
import { verifyCapability } from '../src/verify.ts';
import { contextOf, NOW, TENANT } from './samples.ts';

/*
 * What a capability costs a request. Nothing else is in this file: what other tests
 * put through the same functions would slow them down.
 */

const keyring = Keyring.create({ nowMs: NOW });
/** Eight caveats: tenant and exp, and these. */
const RESTRICTIONS = {
  apps: [16, 17],
  verbs: ['recv', 'send'],
  prefixes: ['invoices/', 'orders/'],
  networks: ['192.0.2.0/24'],
  nodes: ['node-a'],
  maxBytes: 1_000,
};
const mint = (more: Partial<MintOptions> = {}) => mintCapability(keyring, { tenant: TENANT, nowMs: NOW, ...RESTRICTIONS, ...more });

/** Nine HMACs on the machine that the bounds were set on, nanoseconds; a slower or busy one gets in proportion more. */
const NINE_HMACS_NS = 18_000;

/** Nanoseconds of one call: the fastest of many rounds, since the machine does other things, too. */
function nanoseconds(count: number, call: (index: number) => void): number {
  let best = Infinity;
  for (let round = 0; round < 15; round++) {
    const began = process.hrtime.bigint();
    for (let index = 0; index < count; index++) call(index);
    best = Math.min(best, Number(process.hrtime.bigint() - began) / count);
  }
  return best;
}

await t.test('a known capability costs a request less than 2 us, an unknown one with 8 caveats less than 60 us', (t) => {
  const verifier = new CapabilityVerifier(keyring, RevocationList.EMPTY);
  const context = contextOf();
  const tokens = Array.from({ length: 1_000 }, () => mint());
  t.equal(tokens[0]?.caveats.length, 8);
  // As they come from the network: in memory of their own, none of it the cache's.
  const received = tokens.map(({ bytes }) => Uint8Array.from(bytes));
  const at = (index: number) => received[index % 1_000] as Uint8Array;
  let denied = 0;
  const secret = Buffer.alloc(32, 1);
  const message = Buffer.alloc(20, 2);
  const admit = (bytes: Uint8Array) => {
    const grant = verifier.verify(bytes, NOW);
    if (!(grant instanceof Grant) || grant.check(16, 1, 'send', 'orders/eu/1', context) !== undefined) denied += 1;
  };

  let nineHmacs = Infinity;
  let uncached = Infinity;
  let slow = 1;
  // Other tests share the machine: the first quiet one of a few moments counts.
  for (let moment = 0; moment < 10 && uncached >= 60_000 * slow; moment++) {
    nineHmacs = nanoseconds(500, () => {
      for (let count = 0; count < 9; count++) hmac(secret, message);
    });
    slow = Math.max(1, nineHmacs / NINE_HMACS_NS);
    uncached = nanoseconds(500, (index) => {
      const grant = verifyCapability(at(index), keyring, NOW);
      if (!(grant instanceof Grant) || grant.check(16, 1, 'send', 'orders/eu/1', context) !== undefined) denied += 1;
    });
  }
  const cached = nanoseconds(20_000, (index) => {
    admit(at(index));
  });
  const one = nanoseconds(20_000, () => {
    admit(at(0));
  });
  const lookup = nanoseconds(20_000, (index) => {
    if (!(verifier.verify(at(index), NOW) instanceof Grant)) denied += 1;
  });
  const large = Uint8Array.from(mint({ nodes: ['node-a', ...Array.from({ length: 580 }, (_, index) => `n${1_000 + index}`)] }).bytes);
  const cachedLarge = nanoseconds(5_000, () => {
    admit(large);
  });
  const grant = verifier.verify(at(0), NOW) as Grant;
  const check = nanoseconds(100_000, () => {
    if (grant.check(16, 1, 'send', 'orders/eu/1', context) !== undefined) denied += 1;
  });
  const recheck = nanoseconds(100_000, () => {
    if (verifier.recheck(grant, NOW) !== undefined) denied += 1;
  });

  t.equal(denied, 0);
  t.equal(verifier.misses, 1_001);
  const microseconds = (value: number) => (value / 1_000).toFixed(2);
  t.comment(`nine HMACs alone: ${microseconds(nineHmacs)} us; bounds are multiplied by ${slow.toFixed(2)}`);
  t.comment(`8 caveats, ${at(0).length} bytes: computed and checked ${microseconds(uncached)} us`);
  t.comment(`remembered and checked ${microseconds(cached)} us (1,000 tokens), ${microseconds(one)} us (one token), ${microseconds(cachedLarge)} us (${large.length} bytes)`);
  t.comment(`of that: looked up ${microseconds(lookup)} us, checked ${microseconds(check)} us; an open stream asked again ${microseconds(recheck)} us`);
  t.ok(Math.max(cached, one, cachedLarge) < 2_000 * slow, 'remembered');
  t.ok(uncached < 60_000 * slow, 'computed');
  t.end();
});

await t.test('checking allocates nothing', async (t) => {
  const grant = verifyCapability(mint().bytes, keyring, NOW);
  if (!(grant instanceof Grant)) throw new Error(grant.detail);
  const context = contextOf();
  let denied = 0;
  const run = (count: number) => {
    for (let i = 0; i < count; i++) {
      if (grant.check(16, 1, 'send', 'orders/eu/1', context) !== undefined) denied += 1;
      if (grant.check(16, 1, 'purge', 'orders/eu/1', context) === undefined) denied += 1;
    }
  };
  run(200_000);
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  observer.observe({ entryTypes: ['gc'] });
  // Others allocate, too, so one quiet round is asked for: a word for each check would be 32 MB and a collection in every one.
  const rounds: string[] = [];
  let quiet = false;
  for (let round = 0; round < 10 && !quiet; round++) {
    await setTimeout(20);
    collections = 0;
    const before = process.memoryUsage().heapUsed;
    run(1_000_000);
    const grown = process.memoryUsage().heapUsed - before;
    await setTimeout(20);
    quiet = collections === 0 && grown < 200_000;
    rounds.push(`${grown} bytes, ${collections} collections`);
  }
  observer.disconnect();
  t.equal(denied, 0);
  t.comment(`2,000,000 checks: ${rounds.join('; ')}`);
  t.ok(quiet, rounds.join('; '));
});
