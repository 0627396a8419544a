import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { COMMIT_BYTES_MAX, HEADROOM_RETRY_MS, SORTED_CHUNK_KEYS } from '../src/limits.ts';
import { DiskStore } from '../src/store/disk-store.ts';
import { SortedKeys } from '../src/store/sorted-keys.ts';
import type { Store } from '../src/store/store.ts';
import { FaultStore } from './bench.ts';
import { TemporaryStore } from './temporary-store.ts';

const keys = fc.constantFrom('a', 'aa', 'b', 'ba', 'c', '\u00ff');
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('put' as const), key: keys, value: fc.uint8Array({ maxLength: 3 }) }),
    fc.record({ kind: fc.constant('remove' as const), key: keys }),
    fc.record({ kind: fc.constantFrom('commit' as const, 'reopen' as const) }),
  ),
  { maxLength: 40 },
);

/** Every read of a store gives what a map of the same writes has. */
function behaves(open: () => { store: Store; reopen: () => Store }, numRuns: number): void {
  fc.assert(
    fc.property(steps, fc.tuple(keys, keys, fc.integer({ min: 1, max: 4 })), (list, [from, below, limit]) => {
      const opened = open();
      let { store } = opened;
      let committed = new Map<string, Uint8Array>();
      let current = new Map<string, Uint8Array>();
      for (const step of list) {
        if (step.kind === 'put') {
          if (store.get(step.key) === undefined) store.insert(step.key, step.value);
          else store.put(step.key, step.value);
          current.set(step.key, step.value);
        } else if (step.kind === 'remove') {
          if (current.delete(step.key)) store.remove(step.key);
        } else if (step.kind === 'commit') {
          store.commit();
          committed = new Map(current);
        } else {
          store = opened.reopen();
          current = new Map(committed);
        }
      }
      const expected = [...current].filter(([key]) => key >= from && key < below).sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit);
      const found = store.range(from, below, limit).map(({ key, value }) => [key, new Uint8Array(value)]);
      const same = JSON.stringify(found) === JSON.stringify(expected.map(([key, value]) => [key, value]));
      return same && [...current].every(([key, value]) => Buffer.from(value).equals(store.get(key) ?? Buffer.from('nothing')));
    }),
    { numRuns },
  );
}

await t.test('a store gives back what was written, in memory over a base', (t) => {
  t.doesNotThrow(() => {
    behaves(() => {
      let store = new FaultStore();
      return {
        store,
        reopen: () => {
          store = store.reopened();
          return store;
        },
      };
    }, 500);
  });
  t.end();
});

await t.test('a store gives back what was written, on disk', (t) => {
  using temporary = new TemporaryStore();
  t.doesNotThrow(() => {
    behaves(() => {
      // The same files all the time: what an earlier run left is removed first.
      const store = temporary.reopen();
      for (const { key } of store.range('a', '\u00ff\u00ff', 100)) store.remove(key);
      store.commit();
      return { store, reopen: () => temporary.reopen() };
    }, 25);
  });
  t.end();
});

await t.test('a journal that is cut or damaged gives the commits before that, and no other', (t) => {
  for (const damage of ['cut', 'flipped', 'whole'] as const) {
    using temporary = new TemporaryStore();
    const { store, folder } = temporary;
    store.put('first', Buffer.from('1'));
    store.commit();
    const file = join(folder, 'journal');
    const before = readFileSync(file);
    store.put('second', Buffer.from('2'));
    store.put('third', Buffer.from('3'));
    store.commit();
    const after = readFileSync(file);
    // The last byte that the second commit changed is in its last write.
    let at = after.length - 1;
    while (after[at] === before[at]) at--;
    if (damage === 'flipped') after[at] = (after[at] as number) ^ 1;
    if (damage !== 'whole') writeFileSync(file, damage === 'cut' ? after.subarray(0, at) : after);
    const again = temporary.reopen();
    t.equal(again.get('first')?.toString(), '1', damage);
    const there = damage === 'whole';
    t.same([again.get('second') !== undefined, again.get('third') !== undefined], [there, there], `${damage}: both or none`);
    again.put('fourth', Buffer.from('4'));
    again.commit();
    t.equal(temporary.reopen().get('fourth')?.toString(), '4', `${damage}: it goes on from there`);
  }
  t.end();
});

await t.test('what an earlier round left in the journal is not taken for commits', (t) => {
  using temporary = new TemporaryStore();
  for (const value of ['1', '2', '3']) {
    temporary.store.put('key', Buffer.from(value));
    temporary.store.commit();
  }
  temporary.reopen().put('key', Buffer.from('4'));
  temporary.store.commit();
  // Behind this commit the whole ones of before follow, from where they begin.
  t.equal(temporary.reopen().get('key')?.toString(), '4');
  t.end();
});

await t.test('what is replayed is in the tree before anything is answered', (t) => {
  using temporary = new TemporaryStore();
  temporary.store.put('key', Buffer.from('value'));
  temporary.store.commit();
  temporary.reopen();
  temporary.store.close();
  writeFileSync(join(temporary.folder, 'journal'), '');
  temporary.store = new DiskStore(temporary.folder);
  t.equal(temporary.store.get('key')?.toString(), 'value', 'also when the journal is lost afterwards, as after a flush that failed');
  t.end();
});

await t.test('commits go on over many checkpoints, and the files stay as they are', (t) => {
  using temporary = new TemporaryStore();
  const { store, folder } = temporary;
  const size = statSync(join(folder, 'journal')).size;
  const value = Buffer.alloc(60_000, 1);
  for (let n = 0; n < 40; n++) {
    if (n >= 4) store.remove(`key${n - 4}`);
    store.insert(`key${n}`, value);
    store.put('counter', Buffer.from(String(n)));
    store.commit();
  }
  t.equal(statSync(join(folder, 'journal')).size, size, 'the journal does not grow');
  const again = temporary.reopen();
  t.equal(again.get('counter')?.toString(), '39');
  t.same(again.range('key', 'kez', 100).map(({ key }) => key), ['key36', 'key37', 'key38', 'key39']);
  t.end();
});

await t.test('a commit that is too large for the journal is refused as a defect', (t) => {
  using temporary = new TemporaryStore();
  temporary.store.put('key', Buffer.alloc(COMMIT_BYTES_MAX + 1_048_576));
  t.throws(() => {
    temporary.store.commit();
  }, RangeError);
  t.end();
});

await t.test('the tree has room before it is needed', (t) => {
  using temporary = new TemporaryStore();
  const tree = join(temporary.folder, 'tree', 'data.mdb');
  t.ok(existsSync(tree));
  const { blocks } = statSync(tree);
  t.ok(blocks * 512 >= 65_536, 'with blocks that are there');
  t.equal(temporary.store.hasRoom, true);
  temporary.store.close();
  truncateSync(tree, 40_960);
  temporary.store = new DiskStore(temporary.folder);
  t.ok(statSync(tree).size > 33_554_432, 'it is made at the start where it is missing');
  t.end();
});

await t.test('a store without room still commits, and has room again when it was emptied', async (t) => {
  using temporary = new TemporaryStore();
  temporary.store.close();
  const store = new DiskStore(temporary.folder, { journalBytes: COMMIT_BYTES_MAX + 262_144, headroomBytes: 262_144, treeBytesMax: 1_048_576 });
  temporary.store = store;
  let count = 0;
  // The journal makes a checkpoint every 256 KiB.
  for (; store.hasRoom && count < 1_000; count++) {
    store.insert(`key${count}`, Buffer.alloc(8_000, count));
    store.commit();
  }
  t.ok(count > 50 && count < 300, `no room after ${count}`);
  for (let n = 0; n < count; n++) {
    store.remove(`key${n}`);
    store.commit();
  }
  t.equal(store.hasRoom, false, 'the tree is looked at once a second');
  await new Promise((resolve) => setTimeout(resolve, HEADROOM_RETRY_MS + 10));
  t.equal(store.hasRoom, true);
});

await t.test('sorted keys are a sorted set, whatever comes in which order', (t) => {
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(2_000)), { size: 'max', maxLength: 3_000 }), fc.nat(2_000), (list, start) => {
        const sorted = new SortedKeys();
        const set = new Set<string>();
        for (const [adds, n] of list) {
          const key = String(n).padStart(4, '0');
          if (adds && !set.has(key)) sorted.add(key);
          if (adds) set.add(key);
          else if (sorted.delete(key) !== set.delete(key)) return false;
        }
        const from = String(start).padStart(4, '0');
        const expected = [...set].sort();
        return sorted.size === set.size && sorted.first === expected[0] && [...sorted.from(from)].join() === expected.filter((key) => key >= from).join();
      }),
      { numRuns: 60 },
    );
  });
  const ascending = new SortedKeys();
  const many = Array.from({ length: SORTED_CHUNK_KEYS * 5 }, (_, n) => String(n).padStart(6, '0'));
  for (const key of many) ascending.add(key);
  t.same([...ascending.from('')], many);
  t.end();
});
