import type { StoredMessage } from '../codec/message.ts';
import type { Writer } from '../codec/writer.ts';
import { PRIORITY_DEFAULT } from './send.ts';

/** What goes with a message beside what was stored. */
export interface MessageFacts {
  readonly id: string;
  readonly deliveries: number;
  /** Binary string; absent where there is none. */
  readonly receipt?: string | undefined;
  readonly dueMs?: number | undefined;
}

/** Writes the map of a message (specs/mailbox-1.md §6.2). */
export function writeMessage(out: Writer, message: StoredMessage, facts: MessageFacts): void {
  const { receipt, dueMs } = facts;
  const ofPriority = message.priority === PRIORITY_DEFAULT ? 0 : 1;
  const optional = (receipt === undefined ? 0 : 1) + (dueMs === undefined ? 0 : 1) + (message.endToEnd ? 1 : 0) + ofPriority;
  out.map(4 + optional + message.extrasCount);
  out.name('id');
  out.id(facts.id);
  out.name('body');
  out.bin(message.body);
  if (receipt !== undefined) {
    out.name('receipt');
    out.binKey(receipt);
  }
  out.name('deliveries');
  out.uint(facts.deliveries);
  out.name('sent_at_ms');
  out.uint(message.sentAtMs);
  if (ofPriority > 0) {
    out.name('priority');
    out.uint(message.priority);
  }
  if (message.endToEnd) {
    out.name('e2e');
    out.bool(true);
  }
  if (dueMs !== undefined) {
    out.name('due_ms');
    out.uint(dueMs);
  }
  out.raw(message.extras);
}
