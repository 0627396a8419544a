import { decode } from '@msgpack/msgpack';
import { u32Key } from '../src/codec/binary.ts';
import { decodeMessage } from '../src/codec/message.ts';
import { decodeSlot } from '../src/codec/slot.ts';
import { behind, COUNTER_NAMES, Table } from '../src/broker/topic.ts';
import type { Counters } from '../src/broker/topic.ts';
import type { Entry, Store } from '../src/store/store.ts';

/** What a full scan of a store finds wrong: counters that are not what is there, and records without their message. */
export function faultsOf(store: Store): string[] {
  const faults: string[] = [];
  const all = (prefix: string): Entry[] => store.range(prefix, behind(prefix), Number.MAX_SAFE_INTEGER);
  const check = (topic: string, what: string, found: unknown, counted: unknown): void => {
    if (found !== counted) faults.push(`${topic}: ${what} is ${String(counted)}, a scan finds ${String(found)}`);
  };
  for (const { key, value } of all(Table.NAMES)) {
    const { number } = decode(value) as { number: number };
    const queue = u32Key(number);
    const name = key.slice(17);
    const counters = countersOf(store.get(Table.STATE + queue));
    const places = [Table.READY, Table.BLOCKED, Table.DELAYED, Table.LEASED].map((table) => all(table + queue));
    const [ready = [], blocked = [], delayed = [], leased = []] = places;
    const slots = places.flat().map((entry) => ({ id: entry.key.slice(-16), slot: decodeSlot(entry.value) }));
    const bodies = all(Table.BODY + queue);
    check(name, 'ready', ready.length + blocked.length, counters.ready);
    check(name, 'blocked', blocked.length, counters.blocked);
    check(name, 'delayed', delayed.length, counters.delayed);
    check(name, 'leased', leased.length, counters.leased);
    check(name, 'doomed', all(Table.DOOMED + queue).length, counters.doomed);
    check(name, 'bytes', slots.reduce((sum, { slot }) => sum + slot.sizeBytes, 0), counters.bytes);
    check(name, 'messages', bodies.map((entry) => entry.key.slice(-16)).sort().join(), slots.map(({ id }) => id).sort().join());
    const { ready: r, delayed: d, leased: l, acked, deleted, expired, dead_lettered: dead, redriven } = counters;
    check(name, 'admitted', r + d + l + acked + deleted + expired + dead + redriven, counters.admitted);
    for (const body of bodies) if (decodeMessage(body.value) === undefined) faults.push(`${name}: a body is damaged`);
    const groups = new Set(slots.flatMap(({ slot }) => (slot.group === '' ? [] : [slot.group])));
    check(name, 'groups', groups.size, all(Table.GROUP + queue).length);
  }
  return faults;
}

function countersOf(state: Uint8Array | undefined): Counters {
  const bytes = Buffer.from(state ?? new Uint8Array(16 + COUNTER_NAMES.length * 8));
  return Object.fromEntries(COUNTER_NAMES.map((name, index) => [name, bytes.readDoubleBE(16 + index * 8)])) as Counters;
}
