import fc from 'fast-check';
import t from 'tap';
import { CancelPacer } from '../src/cancel-pacer.ts';
import { YOUNG_CANCEL_MS } from '../src/limits.ts';
import { PendingTable } from '../src/pending.ts';

interface Entry {
  corrHi: number;
  corrLo: number;
}

const key = ({ corrHi, corrLo }: Entry): string => `${corrHi} ${corrLo}`;

await t.test('the table finds what it holds, whatever comes and goes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(99), { maxLength: 600 }), (steps) => {
      const table = new PendingTable<Entry>();
      const model = new Map<string, Entry>();
      const given = new Set<string>();
      for (const step of steps) {
        const held = [...model.values()];
        if (step < 60 || held.length === 0) {
          const entry = { corrHi: 0, corrLo: 0 };
          table.add(entry);
          if (given.has(key(entry)) || key(entry) === '0 0') return false;
          given.add(key(entry));
          model.set(key(entry), entry);
        } else {
          const entry = held[(step * 7) % held.length] as Entry;
          if (!table.remove(entry) || table.remove(entry)) return false;
          model.delete(key(entry));
          if (table.find(entry.corrHi, entry.corrLo) !== undefined) return false;
        }
        if (table.size !== model.size) return false;
      }
      const found = [...model.values()].every((entry) => table.find(entry.corrHi, entry.corrLo) === entry);
      return found && table.all().length === model.size;
    }),
  );
  t.end();
});

await t.test('a request that lives long keeps its slot while thousands pass', (t) => {
  const table = new PendingTable<Entry>();
  const old = { corrHi: 0, corrLo: 0 };
  table.add(old);
  for (let i = 0; i < 10_000; i++) {
    const entry = { corrHi: 0, corrLo: 0 };
    table.add(entry);
    table.remove(entry);
  }
  t.equal(table.find(old.corrHi, old.corrLo), old);
  t.equal(table.find(old.corrHi + 1, old.corrLo), undefined, 'all 64 bits are compared');
  t.equal(table.find(old.corrHi, old.corrLo + 32), undefined);
  t.end();
});

await t.test('CANCELs of young requests stay below what a node puts up with', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 400 }), (gaps) => {
      const pacer = new CancelPacer();
      const sent: number[] = [];
      let now = 5_000;
      for (const gap of gaps) {
        now += gap;
        if (pacer.allows(now - 1, now)) sent.push(now);
      }
      return sent.every((at) => sent.filter((other) => other >= at && other < at + 1_000).length <= 41);
    }),
  );
  const pacer = new CancelPacer();
  for (let i = 0; i < 100; i++) pacer.allows(999, 1_000);
  t.notOk(pacer.allows(999, 1_000), 'the budget is used up');
  t.ok(pacer.allows(1_000, 1_000 + YOUNG_CANCEL_MS), 'an old request needs none');
  t.end();
});
