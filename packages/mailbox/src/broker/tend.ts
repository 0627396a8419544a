import { badField } from '../codec/fields.ts';
import { parseId } from '../codec/ids.ts';
import { decodeExtras, encodeExtras, extrasOf } from '../codec/message.ts';
import type { Extras } from '../codec/message.ts';
import { MOVE_BYTES_MAX, TEND_MESSAGES_MAX } from '../limits.ts';
import type { BrokerCall } from './call.ts';
import { scan } from './look.ts';
import type { Found, LookContext, MessageState } from './look.ts';
import { checkQuota } from './send.ts';
import type { Topic } from './topic.ts';

/** Table and number of the topic, which a cursor leaves out; a place among the ready is 17 bytes behind it. */
const PREFIX_CHARS = 5;
const READY_CURSOR_BYTES = 17;
const REDRIVE_DEFAULT = 256;
/** Those that wait in their group go first: else one would step forward, into a state that may not be the one that is purged. */
const READY_STATES: readonly MessageState[] = ['blocked', 'ready'];
const STATES: readonly MessageState[] = [...READY_STATES, 'delayed', 'leased'];

/** DELETE (specs/mailbox-1.md §8.1). */
export function deleteOne(context: LookContext, call: BrokerCall): void {
  const { topics, flow, replies } = context;
  const name = call.fields.topic('topic');
  const id = parseId(call.fields.text('id'));
  if (id === undefined) throw badField('id', 'an id of 26 characters');
  const topic = topics.known(call.tenant, name);
  const message = flow.read(topic, id);
  let outcome = 'gone';
  if (message !== undefined) {
    outcome = flow.deleteReady(topic, id, message, 'deleted') ? 'deleted' : 'pending';
    if (outcome === 'pending') flow.doom(topic, id);
  }
  const out = replies.begin(call.callId);
  out.map(1);
  out.name('outcome');
  out.name(outcome);
  replies.end(false);
}

/** PURGE (specs/mailbox-1.md §8.5). */
export function purge(context: LookContext, call: BrokerCall): void {
  const { fields } = call;
  const name = fields.topic('topic');
  const state = fields.oneOf('state', ['ready', 'delayed', 'leased', 'all'], 'all');
  const max = fields.int('max', 1, TEND_MESSAGES_MAX, TEND_MESSAGES_MAX);
  const topic = context.topics.known(call.tenant, name);
  const states = state === 'all' ? STATES : state === 'ready' ? READY_STATES : [state];
  let purged = 0;
  for (const each of states) {
    if (purged === max) break;
    for (const found of scan(context.store, topic, each, '', max - purged)) {
      removeFound(context, topic, each, found);
      purged++;
    }
  }
  const out = context.replies.begin(call.callId);
  out.map(2);
  out.name('purged');
  out.uint(purged);
  out.name('more');
  out.bool(states.some((each) => topic.counters[each] > 0));
  context.replies.end(false);
}

/** REDRIVE (specs/mailbox-1.md §8.4). */
export function redrive(context: LookContext, call: BrokerCall): void {
  const { topics, flow, replies, store } = context;
  const { fields, tenant } = call;
  const fromName = fields.topic('from');
  const toName = fields.topic('to');
  const max = fields.int('max', 1, TEND_MESSAGES_MAX, REDRIVE_DEFAULT);
  const after = fields.cursor('after', READY_CURSOR_BYTES);
  const wanted = readFilter(fields.filter());
  if (toName === fromName) throw badField('to', 'another topic than from');
  const from = topics.known(tenant, fromName);
  const to = topics.forSend(tenant, toName);
  const found = scan(store, from, 'ready', after, TEND_MESSAGES_MAX + 1);
  let moved = 0;
  let bytes = 0;
  let last: Found | undefined;
  for (const item of found.slice(0, TEND_MESSAGES_MAX)) {
    if (moved === max || bytes >= MOVE_BYTES_MAX) break;
    const message = flow.read(from, item.id);
    const extras = message === undefined ? {} : decodeExtras(message);
    if (message !== undefined && isWanted(wanted, item.id, extras)) {
      try {
        // The tenant holds it already, only the topic will hold more.
        checkTopicQuota(to, item.slot.sizeBytes);
      } catch (refusal) {
        if (moved === 0) throw refusal;
        break;
      }
      const { key, group, headers } = extras;
      flow.deleteReady(from, item.id, message, 'redriven');
      const slot = { ...item.slot, flags: 0, deliveries: 0, generation: item.slot.generation + 1, notBeforeMs: 0 };
      flow.admit(to, item.id, { ...message, ...encodeExtras(extrasOf({ key, group, headers })), expiresAtMs: 0 }, slot);
      bytes += item.slot.sizeBytes;
      moved++;
    }
    last = item;
  }
  const more = last !== undefined && last !== found.at(-1);
  const out = replies.begin(call.callId);
  out.map(more ? 2 : 1);
  out.name('moved');
  out.uint(moved);
  if (more) {
    out.name('next');
    out.binKey((last as Found).key.slice(PREFIX_CHARS));
  }
  replies.end(false);
}

/** What a REDRIVE asks for; absent means any. */
interface Wanted {
  readonly reason?: string | undefined;
  readonly source?: string | undefined;
  readonly id?: string | undefined;
}

function readFilter(filter: Readonly<Record<string, string>>): Wanted {
  const { reason, source, id: text } = filter;
  const id = text === undefined ? undefined : parseId(text);
  if (text !== undefined && id === undefined) throw badField('filter', 'a map whose id is one of 26 characters');
  return { reason, source, id };
}

function isWanted({ reason, source, id }: Wanted, itemId: string, { dead }: Extras): boolean {
  return (reason ?? dead?.reason) === dead?.reason && (source ?? dead?.topic) === dead?.topic && (id ?? itemId) === itemId;
}

/** @throws OapError mailbox_quota */
function checkTopicQuota(topic: Topic, bytes: number): void {
  checkQuota(topic, 1, bytes);
}

function removeFound({ flow }: LookContext, topic: Topic, state: MessageState, { id, slot, key }: Found): void {
  if (state === 'blocked') flow.deleteBlocked(topic, id, slot.group, 'deleted');
  else flow.deleteAway(topic, id, slot, key);
}
