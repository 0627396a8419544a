import { decodeSlot } from '../codec/slot.ts';
import type { Slot } from '../codec/slot.ts';
import { DELAY_MS_MAX, NACK_DELAY_MS, NACK_DELAY_MS_MAX, VISIBILITY_MS_MAX } from '../limits.ts';
import type { Store } from '../store/store.ts';
import { MailboxOp } from './call.ts';
import type { BrokerCall, Replies } from './call.ts';
import type { Flow } from './flow.ts';
import { parseReceipt, writeReceipt } from './receipt.ts';
import type { Receipt } from './receipt.ts';
import type { Receivers } from './receivers.ts';
import type { Topic } from './topic.ts';
import type { Topics } from './topics.ts';

/** What settling needs of the broker. */
export interface SettleContext {
  readonly store: Store;
  readonly topics: Topics;
  readonly flow: Flow;
  readonly receivers: Receivers;
  readonly replies: Replies;
}

type Outcome = 'ok' | 'stale' | 'gone' | 'dead';

/** The message of a receipt that is good, and the key of where it is. */
interface Located {
  readonly id: string;
  readonly slot: Slot;
  readonly key: string;
}

/** A lease that was made to last longer. */
type Extended = Pick<Located, 'slot' | 'key'>;

/** ACK, NACK and EXTEND (specs/mailbox-1.md §6.3): each receipt is judged by itself. */
export function settle(context: SettleContext, call: BrokerCall): void {
  const { fields, op } = call;
  const name = fields.topic('topic');
  const receipts = fields.receipts();
  const delayMs = op === MailboxOp.NACK ? fields.int('delay_ms', 0, DELAY_MS_MAX, -1) : 0;
  const visibilityMs = op === MailboxOp.EXTEND ? fields.int('visibility_ms', 1, VISIBILITY_MS_MAX) : 0;
  const topic = context.topics.find(call.tenant, name);
  const outcomes: Outcome[] = [];
  const renewed: (Extended | undefined)[] = [];
  for (const receipt of receipts) {
    const located = topic === undefined ? 'gone' : locate(context.store, topic, receipt);
    if (typeof located === 'string' || topic === undefined) {
      outcomes.push(located as Outcome);
      renewed.push(undefined);
    } else if (op === MailboxOp.ACK) {
      context.flow.acknowledge(topic, located.id, located.slot, located.key);
      outcomes.push('ok');
    } else if (op === MailboxOp.NACK) {
      outcomes.push(nack(context.flow, topic, located, delayMs));
    } else {
      renewed.push(extend(context, topic, located, visibilityMs));
      outcomes.push('ok');
    }
  }
  const out = context.replies.begin(call.callId);
  out.map(op === MailboxOp.EXTEND ? 2 : 1);
  out.name('outcomes');
  out.array(outcomes.length);
  for (const outcome of outcomes) out.name(outcome);
  if (op === MailboxOp.EXTEND) {
    out.name('receipts');
    out.array(renewed.length);
    for (const extended of renewed) {
      if (extended === undefined) out.nil();
      else writeReceipt(out, extended.key, extended.slot.generation, extended.slot.priority);
    }
  }
  context.replies.end(false);
}

/** Where the message of a receipt is, when the receipt is good: leased, or ready again since no one took it. */
export function locate(store: Store, topic: Topic, bytes: Uint8Array): Located | 'stale' | 'gone' {
  const receipt = parseReceipt(bytes);
  if (receipt === undefined) return 'gone';
  const { id, dueAndId, priority } = receipt;
  const located = locateAt(store, topic.leasedPrefix + dueAndId, receipt) ?? locateAt(store, topic.readyKey(priority, id), receipt);
  if (located !== undefined) return located;
  return store.get(topic.bodyKey(id)) === undefined ? 'gone' : 'stale';
}

function locateAt(store: Store, key: string, { id, generation }: Receipt): Located | undefined {
  const value = store.get(key);
  if (value === undefined) return undefined;
  const slot = decodeSlot(value);
  return slot.generation === generation && slot.deliveries > 0 ? { id, slot, key } : undefined;
}

function nack(flow: Flow, topic: Topic, { id, slot, key }: Located, delayMs: number): Outcome {
  const pauseMs = delayMs >= 0 ? delayMs : Math.min(NACK_DELAY_MS * 2 ** (slot.deliveries - 1), NACK_DELAY_MS_MAX);
  return flow.endLease(topic, id, slot, key, 'nacked', pauseMs) === 'dead' ? 'dead' : 'ok';
}

function extend({ flow, receivers }: SettleContext, topic: Topic, { id, slot, key: before }: Located, visibilityMs: number): Extended {
  const key = flow.extend(topic, id, slot, before, visibilityMs);
  if (slot.holder !== 0) receivers.leaseMoved(slot.holder, id, key);
  return { slot, key };
}
