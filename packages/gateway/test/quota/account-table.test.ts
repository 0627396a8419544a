import fc from 'fast-check';
import t from 'tap';
import type { AccountKey, Policy } from '../../src/quota/account.ts';
import { AccountTable } from '../../src/quota/account-table.ts';
import { paceOf } from '../../src/quota/gcra.ts';

const policy: Policy = { units: paceOf(undefined), bytes: paceOf(undefined) };

function key(...words: number[]): AccountKey {
  const [key0 = 0, key1 = 0, key2 = 0, key3 = 0, key4 = 0] = words;
  return { key0, key1, key2, key3, key4 };
}

await t.test('keys that differ in any word have accounts of their own', (t) => {
  const table = new AccountTable(100);
  const keys = [key(), key(1), key(0, 1), key(0, 0, 1), key(0, 0, 0, 1), key(0, 0, 0, 0, 1), key(-1, -1, -1, -1, -1)];
  const accounts = keys.map((one) => table.add(one, policy));
  t.equal(new Set(accounts).size, keys.length);
  keys.forEach((one, index) => t.equal(table.find({ ...one }), accounts[index]));
  t.equal(table.find(key(2)), undefined);
  t.end();
});

await t.test('the stalest account makes room, and says so', (t) => {
  const table = new AccountTable(3);
  const [a, b, c] = [table.add(key(1), policy), table.add(key(2), policy), table.add(key(3), policy)];
  table.touch(a);
  const d = table.add(key(4), policy);
  t.equal(table.size, 3);
  t.equal(b.listed, false);
  t.equal(table.find(key(2)), undefined);
  t.same([b.fresher, b.staler, b.chained], [undefined, undefined, undefined], 'it holds on to nobody');
  t.same([a, c, d].map(({ listed }) => listed), [true, true, true]);
  table.add(key(5), policy);
  t.equal(c.listed, false, 'then the next one');
  t.end();
});

await t.test('who has requests in flight stays, and room is made later', (t) => {
  const table = new AccountTable(3);
  const busy = [1, 2, 3].map((word) => table.add(key(word), policy));
  for (const account of busy) account.inflight = 1;
  const late = [4, 5, 6].map((word) => table.add(key(word), policy));
  t.equal(table.size, 4, 'one too many, which is the one that was added');
  t.same([...busy, ...late].map(({ listed }) => listed), [true, true, true, false, false, true]);
  for (const account of busy) account.inflight = 0;
  table.add(key(7), policy);
  t.equal(table.size, 3);
  t.end();
});

await t.test('the table does what a list in order of use does', (t) => {
  const operations = fc.array(fc.tuple(fc.constantFrom('find', 'use'), fc.integer({ min: -8, max: 8 }), fc.integer({ min: 0, max: 2 })), { maxLength: 300 });
  fc.assert(
    fc.property(operations, fc.integer({ min: 1, max: 12 }), (series, accountsMax) => {
      const table = new AccountTable(accountsMax);
      /** Freshest last. */
      let model: string[] = [];
      for (const [operation, low, high] of series) {
        const one = key(low, 0, 0, 0, high);
        const name = `${low},${high}`;
        const account = table.find(one);
        if ((account !== undefined) !== model.includes(name)) return false;
        if (operation === 'find') continue;
        if (account === undefined) table.add(one, policy);
        else table.touch(account);
        model = [...model.filter((other) => other !== name), name].slice(-accountsMax);
        if (table.size !== model.length) return false;
      }
      return true;
    }),
    { numRuns: 300 },
  );
  t.pass('in every case');
  t.end();
});

await t.test('a million strangers leave no more than the bound', (t) => {
  const table = new AccountTable(1_000);
  const first = table.add(key(0x7fff_ffff), policy);
  for (let i = 0; i < 1_000_000; i++) {
    if (i % 500 === 0) table.touch(first);
    table.add(key(i, i * 7, 0, 0, i & 3), policy);
  }
  t.equal(table.size, 1_000);
  t.ok(first.listed, 'whoever is used stays');
  t.end();
});
