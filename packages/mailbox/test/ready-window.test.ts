import t from 'tap';
import { byteKey, u32Key } from '../src/codec/binary.ts';
import { encodeSlot } from '../src/codec/slot.ts';
import type { Slot } from '../src/codec/slot.ts';
import { HandyMemory, ReadyWindow } from '../src/broker/ready-window.ts';
import { HANDY_BYTES, WINDOW_MESSAGES } from '../src/limits.ts';
import { MemoryStore } from '../src/store/memory-store.ts';

const FROM = 'r';
const BELOW = 's';
const slot: Slot = { priority: 4, flags: 0, sizeBytes: 1, group: '', deliveries: 0, generation: 0, holder: 0, notBeforeMs: 0 };

/** Numbers that can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
}

/** A window over its store, used as topics use it. */
class Queue {
  readonly store = new MemoryStore();
  readonly memory = new HandyMemory();
  window = ReadyWindow.empty(this.memory, FROM);

  constructor() {
    this.store.insert('another table', encodeSlot(slot));
  }

  add(key: string, stored: Uint8Array): void {
    this.store.insert(key, encodeSlot(slot));
    this.window.add(key, slot, stored);
  }

  remove(key: string): void {
    this.store.remove(key);
    this.window.remove(key);
  }

  take(): string | undefined {
    if (this.window.exhausted) this.window = ReadyWindow.fill(this.memory, this.store, this.window.resumeAt, BELOW);
    const key = this.window.take()?.key;
    if (key !== undefined) this.store.remove(key);
    return key;
  }
}

void t.test('the first is always the first, whatever comes, goes and comes back', (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const next = random(seed);
    const queue = new Queue();
    const ready = new Set<string>();
    let number = 0;
    // Longer ones than a window holds, and short ones, in turn.
    for (let turn = 0; turn < 12_000; turn++) {
      const grows = Math.floor(turn / 3_000) % 2 === 0;
      const what = next(10);
      if (what < (grows ? 7 : 2)) {
        // Most come behind all others, some with a priority, some again that were there before.
        const key = FROM + byteKey(next(20) === 0 ? 1 : 4) + u32Key(next(10) === 0 ? next(number + 1) : ++number);
        if (!ready.has(key)) {
          ready.add(key);
          queue.add(key, new Uint8Array(next(64)));
        }
      } else if (what === 9) {
        const key = [...ready][next(ready.size + 1)];
        if (key !== undefined) {
          ready.delete(key);
          queue.remove(key);
        }
      } else {
        const first = [...ready].reduce<string | undefined>((least, key) => (least === undefined || key < least ? key : least), undefined);
        const taken = queue.take();
        if (taken !== first) {
          t.equal(taken, first, `seed ${seed}, turn ${turn}`);
          t.end();
          return;
        }
        if (taken !== undefined) ready.delete(taken);
      }
    }
    queue.window.drop();
    t.ok(queue.memory.take(HANDY_BYTES), `seed ${seed}: all memory was given back`);
  }
  t.end();
});

void t.test('messages are kept with their place while there is memory', (t) => {
  const queue = new Queue();
  const half = new Uint8Array(HANDY_BYTES / 2);
  for (const number of [1, 2, 3]) queue.add(FROM + u32Key(number), half);
  t.equal(queue.window.take()?.stored, half);
  queue.add(FROM + u32Key(4), half);
  t.same([2, 3, 4].map(() => queue.window.take()?.stored === half), [true, false, true], 'the third came when two filled it');
  for (let number = 0; number <= 2 * WINDOW_MESSAGES; number++) queue.add(FROM + u32Key(number), new Uint8Array(HANDY_BYTES / 2_048));
  queue.window.drop();
  t.ok(queue.memory.take(HANDY_BYTES), 'also of those that were too many');
  t.end();
});
