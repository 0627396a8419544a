import { OapError } from '@omnigate/kernel/wire';
import { readU32Key, u32Key, u48Key } from '../codec/binary.ts';
import { PREFETCH_TOTAL_MAX, RECEIVE_BYTES_MAX, RECEIVERS_MAX, STEP_BYTES_MAX, TENANT_RECEIVERS_MAX, TOPIC_RECEIVERS_MAX } from '../limits.ts';
import { MailboxReject } from '../rejects.ts';
import { SortedKeys } from '../store/sorted-keys.ts';
import { decodeSlot } from '../codec/slot.ts';
import type { Store } from '../store/store.ts';
import type { Writer } from '../codec/writer.ts';
import type { Replies } from './call.ts';
import type { Flow, Taken } from './flow.ts';
import { writeMessage } from './message-writer.ts';
import type { Topic } from './topic.ts';
import type { Topics } from './topics.ts';

/** Whoever wants messages of a topic, whether there is such a topic or not. */
export interface Receiver {
  readonly callId: number;
  readonly tenant: string;
  readonly topicName: string;
  /** Of the topic, whether there is one or not. */
  readonly path: string;
  /** Messages of one reply, or leases of a subscription. */
  readonly messagesMax: number;
  /** Undefined: that of the topic. */
  readonly visibilityMs: number | undefined;
  readonly autoAck: boolean;
  /** A subscription stays; the other kind is answered once. */
  readonly subscription: boolean;
  /** Until when it waits. */
  readonly deadlineMs: number;
  /** Keys of its leases by id. */
  readonly held: Map<string, string>;
  /** What it was given has left. */
  drained: boolean;
}

/** Bytes of the length before a record of a stream. */
const RECORD_HEAD_BYTES = 4;

/** Whoever waits, and the subscriptions. None of it is durable. */
export class Receivers {
  readonly #store: Store;
  readonly #topics: Topics;
  readonly #flow: Flow;
  readonly #replies: Replies;
  readonly #byCall = new Map<number, Receiver>();
  /** Those that can take something, by topic, in the order in which they are served. */
  readonly #hungry = new Map<string, Set<Receiver>>();
  readonly #countByPath = new Map<string, number>();
  readonly #countByTenant = new Map<string, number>();
  readonly #deadlines = new SortedKeys();
  /** Topics that may have something for somebody. */
  readonly #stirred = new Set<Topic>();
  #prefetchTotal = 0;

  constructor(store: Store, topics: Topics, flow: Flow, replies: Replies) {
    this.#store = store;
    this.#topics = topics;
    this.#flow = flow;
    this.#replies = replies;
  }

  get size(): number {
    return this.#byCall.size;
  }

  /** The first deadline of one that waits; infinite when there is none. */
  get nextDeadlineMs(): number {
    const first = this.#deadlines.first;
    return first === undefined ? Number.POSITIVE_INFINITY : (this.#byCall.get(callOf(first)) as Receiver).deadlineMs;
  }

  /** @throws OapError receivers_max */
  add(receiver: Receiver): void {
    const { path } = receiver;
    const ofPath = this.#countByPath.get(path) ?? 0;
    const ofTenant = this.#countByTenant.get(receiver.tenant) ?? 0;
    const prefetch = receiver.subscription ? receiver.messagesMax : 0;
    if (
      ofPath >= TOPIC_RECEIVERS_MAX ||
      ofTenant >= TENANT_RECEIVERS_MAX ||
      this.#byCall.size >= RECEIVERS_MAX ||
      this.#prefetchTotal + prefetch > PREFETCH_TOTAL_MAX
    ) {
      throw new OapError(MailboxReject.receivers_max, { message: `${ofPath} receivers wait on this topic, and ${this.#byCall.size} on the node.`, retryAfterMs: 1_000 });
    }
    this.#countByPath.set(path, ofPath + 1);
    this.#countByTenant.set(receiver.tenant, ofTenant + 1);
    this.#prefetchTotal += prefetch;
    this.#byCall.set(receiver.callId, receiver);
    if (Number.isFinite(receiver.deadlineMs)) this.#deadlines.add(deadlineKey(receiver));
    this.#want(receiver);
  }

  /** Adds a subscription, and says so to it: with a record that is empty. */
  open(receiver: Receiver): void {
    this.add(receiver);
    this.#answer(receiver, undefined, undefined);
  }

  /** A topic has something to deliver. */
  stir(topic: Topic): void {
    if (this.#hungry.has(topic.path)) this.#stirred.add(topic);
  }

  /** What a subscription was given has left. */
  drained(callId: number): void {
    const receiver = this.#byCall.get(callId);
    if (receiver === undefined) return;
    receiver.drained = true;
    this.#want(receiver);
  }

  /** The lease of a subscription is over. */
  leaseOver(callId: number, id: string): void {
    const receiver = this.#byCall.get(callId);
    if (receiver?.held.delete(id) === true) this.#want(receiver);
  }

  /** The lease of a subscription has another key. */
  leaseMoved(callId: number, id: string, key: string): void {
    const receiver = this.#byCall.get(callId);
    if (receiver?.held.has(id) === true) receiver.held.set(id, key);
  }

  /** A receiver is gone: its leases end. */
  remove(callId: number): void {
    const receiver = this.#byCall.get(callId);
    if (receiver === undefined) return;
    this.#forget(receiver);
    const topic = this.#topics.find(receiver.tenant, receiver.topicName);
    if (topic === undefined) return;
    for (const [id, key] of receiver.held) {
      const slot = this.#store.get(key);
      if (slot !== undefined) this.#flow.endLease(topic, id, decodeSlot(slot), key, 'released');
    }
  }

  /** Whether there was too much to hand out for one step. */
  get unserved(): boolean {
    return this.#stirred.size > 0;
  }

  /** Hands out what there is, and ends the wait of those whose time is over. */
  serve(): void {
    for (const topic of this.#stirred) {
      if (!this.#serveTopic(topic)) return;
      this.#stirred.delete(topic);
    }
    for (let first = this.#deadlines.first; first !== undefined; first = this.#deadlines.first) {
      const receiver = this.#byCall.get(callOf(first)) as Receiver;
      if (receiver.deadlineMs > this.#flow.nowMs) return;
      this.#forget(receiver);
      this.#answer(receiver, undefined, undefined);
    }
  }

  /** False when the step has enough to answer and the rest has to wait for the next one. */
  #serveTopic(topic: Topic): boolean {
    for (const receiver of this.#hungry.get(topic.path) ?? []) {
      if (this.#replies.bytes > STEP_BYTES_MAX) return false;
      const first = this.#flow.take(topic);
      if (first === undefined) break;
      if (receiver.subscription) this.#sate(receiver);
      else this.#forget(receiver);
      this.#answer(receiver, topic, first);
    }
    return true;
  }

  /** Writes a reply or a record with what the topic has for the receiver, from the message that was taken for it. */
  #answer(receiver: Receiver, topic: Topic | undefined, first: Taken | undefined): void {
    const { callId, subscription, messagesMax } = receiver;
    const out = subscription ? this.#replies.beginPart(callId) : this.#replies.begin(callId);
    const record = subscription ? out.skip(RECORD_HEAD_BYTES) : 0;
    const start = out.at;
    out.map(1);
    out.name('messages');
    const lengthAt = out.array(0);
    const room = messagesMax - receiver.held.size;
    let endToEnd = false;
    let count = 0;
    if (topic !== undefined) {
      for (let taken = first; taken !== undefined; taken = this.#flow.take(topic)) {
        this.#deliver(receiver, topic, taken, out);
        endToEnd ||= taken.message.endToEnd;
        count++;
        if (count === room || out.at - start > RECEIVE_BYTES_MAX) break;
      }
    }
    out.setU16(lengthAt, count);
    if (subscription) {
      out.setU32(record, out.at - start);
      receiver.drained = false;
    }
    this.#replies.end(endToEnd, receiver.held.size >= messagesMax);
  }

  #deliver(receiver: Receiver, topic: Topic, { id, slot, message }: Taken, out: Writer): void {
    if (receiver.autoAck) {
      this.#flow.deliverForGood(topic, id, slot);
      writeMessage(out, message, id, slot.deliveries);
      return;
    }
    const { subscription, callId, visibilityMs = topic.settings.visibility_ms } = receiver;
    const key = this.#flow.lease(topic, id, slot, visibilityMs, subscription ? callId : 0);
    if (subscription) receiver.held.set(id, key);
    writeMessage(out, message, id, slot.deliveries, { lease: { key, generation: slot.generation } });
  }

  #want(receiver: Receiver): void {
    if (!receiver.drained || receiver.held.size >= receiver.messagesMax) return;
    const { path } = receiver;
    const hungry = this.#hungry.get(path);
    // Whoever is hungry already waits in its turn, and is told of what becomes ready.
    if (hungry?.has(receiver) === true) return;
    if (hungry === undefined) this.#hungry.set(path, new Set([receiver]));
    else hungry.add(receiver);
    const topic = this.#topics.find(receiver.tenant, receiver.topicName);
    if (topic !== undefined && topic.counters.ready > topic.counters.blocked) this.#stirred.add(topic);
  }

  #sate(receiver: Receiver): void {
    const { path } = receiver;
    const hungry = this.#hungry.get(path);
    hungry?.delete(receiver);
    if (hungry?.size === 0) this.#hungry.delete(path);
  }

  #forget(receiver: Receiver): void {
    const { path } = receiver;
    this.#sate(receiver);
    this.#byCall.delete(receiver.callId);
    decrement(this.#countByPath, path);
    decrement(this.#countByTenant, receiver.tenant);
    if (receiver.subscription) this.#prefetchTotal -= receiver.messagesMax;
    if (Number.isFinite(receiver.deadlineMs)) this.#deadlines.delete(deadlineKey(receiver));
  }
}

function decrement(counts: Map<string, number>, key: string): void {
  const count = (counts.get(key) ?? 0) - 1;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

function deadlineKey({ deadlineMs, callId }: Receiver): string {
  return u48Key(deadlineMs) + u32Key(callId);
}

function callOf(key: string): number {
  return readU32Key(key, 6);
}
