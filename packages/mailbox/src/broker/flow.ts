import { createHash } from 'node:crypto';
import { decodeExtras, decodeMessage, encodeExtras, encodeMessage, readMessage } from '../codec/message.ts';
import type { DeadLetter, StoredMessage } from '../codec/message.ts';
import { ID_BYTES } from '../codec/ids.ts';
import { asBuffer, decodeSlot, encodeSlot, GROUP_BYTES, SLOT_TTL } from '../codec/slot.ts';
import type { Slot } from '../codec/slot.ts';
import { CORRUPT_DELAY_MS } from '../limits.ts';
import type { Store } from '../store/store.ts';
import { behind, Table, TimerKind } from './topic.ts';
import type { Topic } from './topic.ts';
import type { Topics } from './topics.ts';

/** How a lease ended before its message was acknowledged. */
export type LeaseEnd = 'expired' | 'nacked' | 'released';

/** What became of the message. */
export type AfterLease = 'back' | 'dead' | 'gone';

/** A message that is about to be handed out. */
export interface Taken {
  readonly id: string;
  readonly slot: Slot;
  readonly message: StoredMessage;
}

/** What the flow tells of as it happens. */
export interface FlowEvents {
  /** A topic has something to deliver. */
  ready(topic: Topic): void;
  /** A lease of a subscription is over. */
  leaseOver(holder: number, id: string): void;
  /** A message does not have the bytes that were sent. */
  corrupt(topic: Topic, id: string): void;
}

/** The name of a group in keys. */
export function groupHash(group: string): string {
  return createHash('sha256').update(group).digest().toString('latin1', 0, GROUP_BYTES);
}

/**
 * The ways of a message from state to state (specs/mailbox-1.md §3). Every
 * method leaves records and counts in agreement.
 */
export class Flow {
  /** Time of the step. */
  nowMs = 0;
  /** Deliveries of messages that had been delivered before. */
  redelivered = 0;
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #events: FlowEvents;

  constructor(store: Store, topics: Topics, events: FlowEvents) {
    this.#store = store;
    this.#topics = topics;
    this.#events = events;
  }

  // In

  /** Puts a new message into a topic: one that was sent, or moved. */
  admit(topic: Topic, id: string, message: StoredMessage, slot: Slot): void {
    const { counters, use } = topic;
    const stored = encodeMessage(message);
    this.#store.insert(topic.bodyKey(id), stored);
    counters.admitted++;
    counters.bytes += slot.sizeBytes;
    use.messages++;
    use.bytes += slot.sizeBytes;
    if (message.expiresAtMs > 0) this.#timer(topic, message.expiresAtMs, TimerKind.TTL, id);
    this.#enter(topic, id, slot, stored);
  }

  /** Remembers that a key has to be forgotten. */
  forgetKeyAt(topic: Topic, dueMs: number, keyHash: string): void {
    this.#timer(topic, dueMs, TimerKind.DEDUP, keyHash);
  }

  // To a receiver and back

  /** Takes the first message that may be delivered; the caller then leases or acknowledges it. */
  take(topic: Topic): Taken | undefined {
    while (topic.counters.ready > topic.counters.blocked) {
      const first = this.#topics.window(topic).take();
      if (first === undefined) throw new Error(`topic ${topic.number} counts more ready messages than it has`);
      const { key, slot, stored } = first;
      const id = key.slice(-ID_BYTES);
      this.#store.remove(key);
      topic.counters.ready--;
      this.#topics.touch(topic);
      const message = stored === undefined ? this.read(topic, id) : readMessage(stored);
      if (message === undefined) {
        this.#events.corrupt(topic, id);
        this.#delay(topic, id, slot, this.nowMs + CORRUPT_DELAY_MS);
      } else if (this.#isExpired(message)) {
        this.#expire(topic, id, slot);
      } else {
        return { id, slot, message };
      }
    }
    return undefined;
  }

  /** Gives a message to a receiver; returns the key of the lease. */
  lease(topic: Topic, id: string, slot: Slot, visibilityMs: number, holder: number): string {
    if (slot.deliveries > 0) this.redelivered++;
    slot.deliveries++;
    slot.generation++;
    slot.holder = holder;
    topic.counters.delivered++;
    return this.#hold(topic, id, slot, this.nowMs + visibilityMs);
  }

  /** Makes a lease last until another time; returns its new key. */
  extend(topic: Topic, id: string, slot: Slot, key: string, visibilityMs: number): string {
    this.#withdraw(topic, key);
    slot.generation++;
    return this.#hold(topic, id, slot, this.nowMs + visibilityMs);
  }

  /** Counts the delivery of a message that is gone when it is handed out. */
  deliverForGood(topic: Topic, id: string, slot: Slot): void {
    if (slot.deliveries > 0) this.redelivered++;
    slot.deliveries++;
    topic.counters.delivered++;
    this.#drop(topic, id, slot, 'acked');
  }

  /** Acknowledges a message, by the key of its lease or of its place among the ready. */
  acknowledge(topic: Topic, id: string, slot: Slot, key: string): void {
    this.#withdraw(topic, key);
    if (slot.holder !== 0) this.#events.leaseOver(slot.holder, id);
    if (topic.counters.doomed > 0) this.#pardon(topic, id);
    this.#drop(topic, id, slot, 'acked');
  }

  /** Ends a lease, or the wait of a message whose lease ran out. */
  endLease(topic: Topic, id: string, slot: Slot, key: string, how: LeaseEnd, delayMs = 0): AfterLease {
    this.#withdraw(topic, key);
    if (slot.holder !== 0) this.#events.leaseOver(slot.holder, id);
    slot.holder = 0;
    // Nobody may acknowledge what it gave back.
    if (how === 'nacked') slot.generation++;
    if (topic.counters.doomed > 0 && this.#pardon(topic, id)) {
      this.#drop(topic, id, slot, 'deleted');
      return 'gone';
    }
    if ((slot.flags & SLOT_TTL) !== 0 && this.#expireIfOver(topic, id, slot)) return 'gone';
    const { max_deliveries: deliveriesMax, dlq } = topic.settings;
    if (how !== 'released' && dlq !== null && deliveriesMax > 0 && slot.deliveries >= deliveriesMax) {
      if (this.#bury(topic, id, slot, dlq, how)) return 'dead';
    }
    if (delayMs > 0) this.#delay(topic, id, slot, this.nowMs + delayMs);
    else this.#present(topic, id, slot);
    return 'back';
  }

  /** Takes back the count of a delivery that never left. */
  uncount(topic: Topic, slot: Slot): void {
    slot.deliveries--;
    topic.counters.delivered--;
  }

  // Out

  /** Removes a message that is ready or waits in its group; false when it is in another state. */
  deleteReady(topic: Topic, id: string, message: StoredMessage, counter: 'deleted' | 'expired' | 'redriven'): boolean {
    const key = topic.readyKey(message.priority, id);
    const value = this.#store.get(key);
    if (value !== undefined) {
      this.#withdraw(topic, key);
      this.#drop(topic, id, decodeSlot(value), counter);
      return true;
    }
    const { group } = decodeExtras(message);
    return group !== undefined && this.deleteBlocked(topic, id, groupHash(group), counter);
  }

  /** Removes a message that waits in its group; false when it is in another state. */
  deleteBlocked(topic: Topic, id: string, group: string, counter: 'deleted' | 'expired' | 'redriven'): boolean {
    const key = topic.blockedKey(group, id);
    const value = this.#store.get(key);
    if (value === undefined) return false;
    this.#withdraw(topic, key);
    this.#drop(topic, id, decodeSlot(value), counter);
    return true;
  }

  /** Removes a message by the key of its lease or of its delay. */
  deleteAway(topic: Topic, id: string, slot: Slot, key: string): void {
    this.#withdraw(topic, key);
    if (slot.holder !== 0) this.#events.leaseOver(slot.holder, id);
    if (topic.counters.doomed > 0) this.#pardon(topic, id);
    this.#drop(topic, id, slot, 'deleted');
  }

  /** A message that is leased or delayed is to go when that ends. */
  doom(topic: Topic, id: string): void {
    const key = topic.doomedKey(id);
    if (this.#store.get(key) !== undefined) return;
    this.#store.insert(key, NO_BYTES);
    topic.counters.doomed++;
    this.#topics.touch(topic);
  }

  /** The stored message; undefined when it is missing or damaged. */
  read(topic: Topic, id: string): StoredMessage | undefined {
    const stored = this.#store.get(topic.bodyKey(id));
    return stored === undefined ? undefined : decodeMessage(stored);
  }

  // Time

  /** The delay of a message is over. */
  endDelay(topic: Topic, id: string, slot: Slot, key: string): void {
    this.#withdraw(topic, key);
    if (topic.counters.doomed > 0 && this.#pardon(topic, id)) this.#drop(topic, id, slot, 'deleted');
    else if ((slot.flags & SLOT_TTL) === 0 || !this.#expireIfOver(topic, id, slot)) this.#present(topic, id, slot);
  }

  /** The TTL of a message is over: it goes when it is ready, else when it comes back. */
  endTtl(topic: Topic, id: string, key: string): void {
    this.#store.remove(key);
    const message = this.read(topic, id);
    if (message !== undefined && this.#isExpired(message)) this.deleteReady(topic, id, message, 'expired');
  }

  /** A key may be used again, unless it was meanwhile. */
  forgetKey(topic: Topic, keyHash: string, key: string, isOver: (record: Uint8Array) => boolean): void {
    this.#store.remove(key);
    const dedupKey = topic.dedupKey(keyHash);
    const record = this.#store.get(dedupKey);
    if (record !== undefined && isOver(record)) this.#store.remove(dedupKey);
  }

  // Places

  #enter(topic: Topic, id: string, slot: Slot, stored: Uint8Array): void {
    const { group } = slot;
    this.#topics.touch(topic);
    if (group !== '' && !this.#joinGroup(topic, id, slot)) return;
    if (slot.notBeforeMs > this.nowMs) this.#delay(topic, id, slot, slot.notBeforeMs);
    else this.#present(topic, id, slot, stored);
  }

  /** True when the message may be delivered; else it waits from here on. */
  #joinGroup(topic: Topic, id: string, slot: Slot): boolean {
    const key = topic.groupKey(slot.group);
    if (this.#store.get(key) === undefined) {
      this.#store.insert(key, Buffer.from(id, 'latin1'));
      return true;
    }
    this.#store.insert(topic.blockedKey(slot.group, id), encodeSlot(slot));
    topic.counters.ready++;
    topic.counters.blocked++;
    return false;
  }

  /** Takes a message out of its group; the next one may be delivered when this one could. */
  #leaveGroup(topic: Topic, id: string, group: string): void {
    const key = topic.groupKey(group);
    const active = this.#store.get(key);
    if (active === undefined || asBuffer(active).toString('latin1') !== id) return;
    const prefix = topic.blockedKey(group, '');
    const [next] = this.#store.range(prefix, behind(prefix), 1);
    if (next === undefined) {
      this.#store.remove(key);
      return;
    }
    const slot = decodeSlot(next.value);
    const nextId = next.key.slice(-ID_BYTES);
    this.#withdraw(topic, next.key);
    this.#store.put(key, Buffer.from(nextId, 'latin1'));
    if (slot.notBeforeMs > this.nowMs) this.#delay(topic, nextId, slot, slot.notBeforeMs);
    else this.#present(topic, nextId, slot);
  }

  /** @param stored the message as it is stored, when it has just been */
  #present(topic: Topic, id: string, slot: Slot, stored?: Uint8Array): void {
    const key = topic.readyKey(slot.priority, id);
    this.#store.insert(key, encodeSlot(slot));
    topic.window?.add(key, slot, stored);
    topic.counters.ready++;
    this.#topics.touch(topic);
    this.#events.ready(topic);
  }

  #delay(topic: Topic, id: string, slot: Slot, dueMs: number): void {
    this.#store.insert(topic.delayedKey(dueMs, id), encodeSlot(slot));
    topic.counters.delayed++;
    this.#topics.touch(topic);
    this.#topics.alarm(topic, dueMs);
  }

  #hold(topic: Topic, id: string, slot: Slot, dueMs: number): string {
    const key = topic.leasedKey(dueMs, id);
    this.#store.insert(key, encodeSlot(slot));
    topic.counters.leased++;
    this.#topics.alarm(topic, dueMs);
    return key;
  }

  #timer(topic: Topic, dueMs: number, kind: number, name: string): void {
    this.#store.put(topic.timerKey(dueMs, kind, name), NO_BYTES);
    this.#topics.alarm(topic, dueMs);
  }

  /** Takes a message out of the state that its key says. */
  #withdraw(topic: Topic, key: string): void {
    this.#store.remove(key);
    this.#topics.touch(topic);
    switch (key[0]) {
      case Table.LEASED:
        topic.counters.leased--;
        break;
      case Table.DELAYED:
        topic.counters.delayed--;
        break;
      case Table.BLOCKED:
        topic.counters.ready--;
        topic.counters.blocked--;
        break;
      default:
        topic.window?.remove(key);
        topic.counters.ready--;
    }
  }

  /** Removes the mark of a message that is to go; true when it had one. */
  #pardon(topic: Topic, id: string): boolean {
    const key = topic.doomedKey(id);
    if (this.#store.get(key) === undefined) return false;
    this.#store.remove(key);
    topic.counters.doomed--;
    return true;
  }

  /** Removes a message that is in no state any more. */
  #drop(topic: Topic, id: string, slot: Slot, counter: 'acked' | 'deleted' | 'expired' | 'redriven' | 'dead_lettered'): void {
    const { counters, use } = topic;
    this.#store.remove(topic.bodyKey(id));
    counters[counter]++;
    counters.bytes -= slot.sizeBytes;
    use.messages--;
    use.bytes -= slot.sizeBytes;
    this.#topics.touch(topic);
    if (slot.group !== '') this.#leaveGroup(topic, id, slot.group);
  }

  #expire(topic: Topic, id: string, slot: Slot): void {
    this.#drop(topic, id, slot, 'expired');
  }

  #isExpired({ expiresAtMs }: StoredMessage): boolean {
    return expiresAtMs > 0 && expiresAtMs <= this.nowMs;
  }

  #expireIfOver(topic: Topic, id: string, slot: Slot): boolean {
    const message = this.read(topic, id);
    if (message === undefined || !this.#isExpired(message)) return false;
    this.#expire(topic, id, slot);
    return true;
  }

  /** Moves a message to the dead-letter topic; false when its bytes are damaged, and it stays. */
  #bury(topic: Topic, id: string, slot: Slot, dlq: string, reason: DeadLetter['reason']): boolean {
    const message = this.read(topic, id);
    if (message === undefined) return false;
    const dead: DeadLetter = { topic: topic.name, reason, deliveries: slot.deliveries, at_ms: this.nowMs };
    const extras = encodeExtras({ ...decodeExtras(message), dead });
    this.#drop(topic, id, slot, 'dead_lettered');
    const grave = this.#topics.forDeadLetters(topic.tenant, dlq);
    this.admit(grave, id, { ...message, ...extras, expiresAtMs: 0 }, { ...slot, flags: 0, deliveries: 0, notBeforeMs: 0 });
    return true;
  }
}

const NO_BYTES = new Uint8Array(0);
