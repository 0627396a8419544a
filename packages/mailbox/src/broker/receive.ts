import { Fields } from '../codec/fields.ts';
import { PREFETCH_MAX, RECEIVE_MESSAGES_MAX, VISIBILITY_MS_MAX, WAIT_MS_MAX } from '../limits.ts';
import { OapError } from '@omnigate/kernel/wire';
import { MailboxReject } from '../rejects.ts';
import type { BrokerCall } from './call.ts';
import type { Flow } from './flow.ts';
import type { Receiver, Receivers } from './receivers.ts';
import { locate } from './settle.ts';
import { topicPath } from './topic.ts';
import type { Store } from '../store/store.ts';
import type { Topics } from './topics.ts';

/** What receiving needs of the broker. */
export interface ReceiveContext {
  readonly store: Store;
  readonly topics: Topics;
  readonly flow: Flow;
  readonly receivers: Receivers;
}

/** Prefetch of a subscription that names none. */
const PREFETCH_DEFAULT = 64;

/** RECV (specs/mailbox-1.md §6): answered at the end of the step, or when there is something. */
export function receive(context: ReceiveContext, call: BrokerCall): void {
  const { fields } = call;
  const messagesMax = fields.int('max', 1, RECEIVE_MESSAGES_MAX, 1);
  const waitMs = fields.int('wait_ms', 0, WAIT_MS_MAX, 0);
  const receiver = readReceiver(context, call, messagesMax, context.flow.nowMs + waitMs);
  context.receivers.add(receiver);
}

/** SUBSCRIBE (specs/mailbox-1.md §7). */
export function subscribe(context: ReceiveContext, call: BrokerCall): void {
  const prefetch = call.fields.int('prefetch', 1, PREFETCH_MAX, PREFETCH_DEFAULT);
  context.receivers.open(readReceiver(context, call, prefetch, undefined));
}

/**
 * Takes back messages that were given to a receiver and never left.
 *
 * @param payload the reply or record with their receipts, as the receiver would have got it
 */
export function takeBack(context: ReceiveContext, tenant: string, topicName: string, payload: Uint8Array): void {
  const topic = context.topics.find(tenant, topicName);
  if (topic === undefined) return;
  for (const receipt of Fields.of(payload).receiptsOfMessages()) {
    const located = locate(context.store, topic, receipt);
    if (typeof located === 'string') continue;
    const { id, slot, key } = located;
    context.flow.uncount(topic, slot);
    context.flow.endLease(topic, id, slot, key, 'released');
  }
}

function readReceiver(context: ReceiveContext, call: BrokerCall, messagesMax: number, deadlineMs: number | undefined): Receiver {
  const { fields, tenant, callId } = call;
  const topicName = fields.topic('topic');
  const visibilityMs = fields.int('visibility_ms', 1, VISIBILITY_MS_MAX, 0);
  const ack = fields.oneOf('ack', ['explicit', 'auto'], 'explicit');
  if (context.topics.find(tenant, topicName) === undefined && !context.topics.mayCreate(tenant)) {
    throw new OapError(MailboxReject.topic_unknown, { message: `There is no topic ${topicName}.` });
  }
  return {
    callId,
    tenant,
    topicName,
    path: topicPath(tenant, topicName),
    messagesMax,
    visibilityMs: visibilityMs === 0 ? undefined : visibilityMs,
    autoAck: ack === 'auto',
    subscription: deadlineMs === undefined,
    deadlineMs: deadlineMs ?? Number.POSITIVE_INFINITY,
    held: new Map(),
    drained: deadlineMs !== undefined,
  };
}
