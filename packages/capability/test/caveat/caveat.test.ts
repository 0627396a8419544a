import fc from 'fast-check';
import t from 'tap';

import { encodeCaveat, parseCaveat } from '../../src/caveat/caveat.ts';
import type { Caveat } from '../../src/caveat/caveat.ts';
import { anyCaveat } from './any-caveat.ts';

await t.test('a caveat comes back as it went, its lists sorted and without repetition', (t) => {
  fc.assert(
    fc.property(anyCaveat, (caveat) => {
      const bytes = encodeCaveat(caveat);
      const parsed = parseCaveat(bytes);
      t.equal(parsed?.name, caveat.name);
      if (typeof caveat.value === 'object') t.same(new Set(parsed?.value as readonly unknown[]), new Set<unknown>(caveat.value));
      else t.equal(parsed?.value, caveat.value);
      if (parsed === undefined) return;
      t.ok(encodeCaveat(parsed).equals(bytes), 'written again it is the same');
    }),
    { numRuns: 1_000 },
  );
  t.end();
});

await t.test('every caveat has one spelling: what is read is written back byte for byte', (t) => {
  let accepted = 0;
  const damage = fc.array(fc.tuple(fc.nat(200), fc.oneof(fc.stringMatching(/^[,./=0a %-]$/), fc.string({ minLength: 1, maxLength: 1 }))), { maxLength: 2 });
  fc.assert(
    fc.property(anyCaveat, damage, fc.boolean(), (caveat, changes, insert) => {
      const characters = Array.from(encodeCaveat(caveat).toString('utf8'));
      for (const [at, character] of changes) characters.splice(at % characters.length, insert ? 0 : 1, character);
      const bytes = Buffer.from(characters.join(''), 'utf8');
      const parsed = parseCaveat(bytes);
      if (parsed === undefined) return true;
      accepted += 1;
      return encodeCaveat(parsed).equals(bytes);
    }),
    { numRuns: 5_000 },
  );
  t.ok(accepted > 500, `${accepted} were accepted`);
  t.end();
});

await t.test('reading any bytes gives a caveat or nothing', (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => ['object', 'undefined'].includes(typeof parseCaveat(bytes))));
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.equal(parseCaveat(Buffer.from(`${name}=1`)), undefined, name);
  }
  t.end();
});

await t.test('what cannot be written as it was meant is refused with the way to write it', (t) => {
  const wrong: readonly Caveat[] = [
    { name: 'tenant', value: 'ABCDEF00112233445566778899aabbcc' },
    { name: 'tenant', value: `${'0'.repeat(31)}\n` },
    { name: 'app', value: [] },
    { name: 'app', value: [0] },
    { name: 'app', value: [1.5] },
    { name: 'app', value: [65_536] },
    { name: 'verb', value: [] },
    { name: 'verb', value: ['send,recv'] },
    { name: 'verb', value: ['SEND'] },
    { name: 'prefix', value: ['a,b'] },
    { name: 'prefix', value: ['a/../b'] },
    { name: 'prefix', value: ['a/\ud800/'] },
    { name: 'prefix', value: [''] },
    { name: 'ip', value: ['192.0.2.7/24'] },
    { name: 'ip', value: ['192.0.2.0/24,10.0.0.0/8'] },
    { name: 'node', value: ['a b'] },
    { name: 'aud', value: [''] },
    { name: 'exp', value: Number.NaN },
    { name: 'exp', value: -1 },
    { name: 'exp', value: 1e20 },
    { name: 'max_bytes', value: 0.5 },
    { name: 'max_inflight', value: Infinity },
    { name: 'rate', value: 'Batch' },
    { name: 'tls', value: 'A'.repeat(44) },
    { name: 'cert', value: 'AB:CD' },
  ];
  for (const caveat of wrong) {
    t.throws(() => encodeCaveat(caveat), { name: 'CapabilityError', code: 'caveat_invalid', fix: /^(Write|Give) .*\.$/ }, JSON.stringify(caveat));
  }
  t.end();
});
