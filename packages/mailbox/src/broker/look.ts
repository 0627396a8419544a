import { readU48Key } from '../codec/binary.ts';
import { ID_BYTES } from '../codec/ids.ts';
import { decodeSlot } from '../codec/slot.ts';
import type { Slot } from '../codec/slot.ts';
import type { Writer } from '../codec/writer.ts';
import { PAGE_ITEMS_MAX, PRIORITY_MAX, RECEIVE_BYTES_MAX } from '../limits.ts';
import type { Store } from '../store/store.ts';
import type { BrokerCall, Replies } from './call.ts';
import { writeSettings } from './configure.ts';
import type { Flow } from './flow.ts';
import { writeMessage } from './message-writer.ts';
import { behind } from './topic.ts';
import type { Topic } from './topic.ts';
import type { Topics } from './topics.ts';

/** What looking needs of the broker. */
export interface LookContext {
  readonly store: Store;
  readonly topics: Topics;
  readonly flow: Flow;
  readonly replies: Replies;
}

export type MessageState = 'ready' | 'blocked' | 'delayed' | 'leased';

/** A message as a scan of one state finds it. */
export interface Found {
  /** Goes on behind it when given to `scan`. */
  readonly key: string;
  readonly id: string;
  readonly slot: Slot;
  readonly dueMs: number | undefined;
}

const PEEK_DEFAULT = 16;
const TOPICS_DEFAULT = 64;
/** Table and number of the topic, which a cursor leaves out. */
const PREFIX_CHARS = 5;
const COUNTS = ['ready', 'blocked', 'delayed', 'leased', 'bytes', 'admitted', 'acked', 'deleted', 'expired', 'dead_lettered', 'redriven', 'delivered'] as const;

/** PEEK (specs/mailbox-1.md §8.2). */
export function peek(context: LookContext, call: BrokerCall): void {
  const { fields } = call;
  const name = fields.topic('topic');
  const state = fields.oneOf('state', ['ready', 'blocked', 'delayed', 'leased'], 'ready');
  const limit = fields.int('limit', 1, PAGE_ITEMS_MAX, PEEK_DEFAULT);
  const after = fields.cursor('after', cursorBytes(state));
  const topic = context.topics.known(call.tenant, name);
  // One more tells whether there is more.
  const found = scan(context.store, topic, state, after, limit + 1);
  const out = context.replies.begin(call.callId);
  const mapAt = out.at;
  out.map(1);
  out.name('messages');
  const lengthAt = out.array(0);
  let count = 0;
  let endToEnd = false;
  let last: Found | undefined;
  for (const item of found.slice(0, limit)) {
    if (out.at - mapAt > RECEIVE_BYTES_MAX) break;
    last = item;
    const message = context.flow.read(topic, item.id);
    if (message === undefined) continue;
    writeMessage(out, message, item.id, item.slot.deliveries, { dueMs: item.dueMs });
    endToEnd ||= message.endToEnd;
    count++;
  }
  out.setU16(lengthAt, count);
  if (last !== undefined && last !== found.at(-1)) {
    out.setU8(mapAt, 0x82);
    out.name('next');
    out.binKey(last.key.slice(PREFIX_CHARS));
  }
  context.replies.end(endToEnd);
}

/** STATS (specs/mailbox-1.md §8.3). */
export function stats(context: LookContext, call: BrokerCall): void {
  const { fields, tenant, callId } = call;
  const { topics, replies } = context;
  const name = fields.optionalTopic('topic');
  if (name !== undefined) {
    const topic = topics.known(tenant, name);
    writeStats(context, topic, replies.begin(callId));
    replies.end(false);
    return;
  }
  const limit = fields.int('limit', 1, PAGE_ITEMS_MAX, TOPICS_DEFAULT);
  const page = topics.page(tenant, fields.optionalTopic('after') ?? '', limit + 1);
  const out = replies.begin(callId);
  const shown = page.slice(0, limit);
  out.map(page.length > limit ? 2 : 1);
  out.name('topics');
  out.array(shown.length);
  for (const topic of shown) writeStats(context, topic, out);
  if (page.length > limit) {
    out.name('next');
    out.text((shown.at(-1) as Topic).name);
  }
  replies.end(false);
}

/** Messages of one state, from behind the cursor `after`, in the order of their keys. */
export function scan(store: Store, topic: Topic, state: MessageState, after: string, limit: number): Found[] {
  const prefix = {
    ready: topic.readyPrefix,
    blocked: topic.blockedPrefix,
    delayed: topic.delayedPrefix,
    leased: topic.leasedPrefix,
  }[state];
  const from = after === '' ? prefix : `${prefix}${after}\0`;
  const ofTime = state === 'delayed' || state === 'leased';
  return store.range(from, behind(prefix), limit).map(({ key, value }) => ({
    key,
    id: key.slice(-ID_BYTES),
    slot: decodeSlot(value),
    dueMs: ofTime ? readU48Key(key, PREFIX_CHARS) : undefined,
  }));
}

function cursorBytes(state: MessageState): number {
  return { ready: 17, leased: 22, delayed: 22, blocked: 32 }[state];
}

function writeStats({ store, flow }: LookContext, topic: Topic, out: Writer): void {
  const oldestMs = oldestOf(store, flow, topic);
  const { counters } = topic;
  // More than 15 fields do not fit the short form of a map.
  out.u8(0xde);
  out.u16(COUNTS.length + 2 + (oldestMs === undefined ? 0 : 1));
  out.name('topic');
  out.text(topic.name);
  for (const name of COUNTS) {
    out.name(name);
    out.uint(counters[name]);
  }
  if (oldestMs !== undefined) {
    out.name('oldest_ms');
    out.uint(oldestMs);
  }
  out.name('settings');
  writeSettings(out, topic.settings);
}

function oldestOf(store: Store, flow: Flow, topic: Topic): number | undefined {
  let oldest: number | undefined;
  for (let priority = 0; priority <= PRIORITY_MAX; priority++) {
    const prefix = topic.readyKey(priority, '');
    const [first] = store.range(prefix, behind(prefix), 1);
    if (first === undefined) continue;
    const message = flow.read(topic, first.key.slice(-16));
    if (message !== undefined) oldest = Math.min(oldest ?? Number.POSITIVE_INFINITY, message.sentAtMs);
  }
  return oldest;
}
