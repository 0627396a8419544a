import type { StoredMessage } from '../codec/message.ts';
import type { Writer } from '../codec/writer.ts';
import { writeReceipt } from './receipt.ts';
import { PRIORITY_DEFAULT } from './send.ts';

/** Where a message is, as far as a reply tells it. */
export interface MessagePlace {
  /** Its lease, of which the receipt is made. */
  readonly lease?: { readonly key: string; readonly generation: number };
  readonly dueMs?: number | undefined;
}

const NOWHERE: MessagePlace = {};

/**
 * Writes the map of a message (specs/mailbox-1.md §6.2).
 *
 * @param id as binary string
 */
export function writeMessage(out: Writer, message: StoredMessage, id: string, deliveries: number, { lease, dueMs }: MessagePlace = NOWHERE): void {
  const ofPriority = message.priority === PRIORITY_DEFAULT ? 0 : 1;
  const optional = (lease === undefined ? 0 : 1) + (dueMs === undefined ? 0 : 1) + (message.endToEnd ? 1 : 0) + ofPriority;
  out.map(4 + optional + message.extrasCount);
  out.name('id');
  out.id(id);
  out.name('body');
  out.bin(message.body);
  if (lease !== undefined) {
    out.name('receipt');
    writeReceipt(out, lease.key, lease.generation, message.priority);
  }
  out.name('deliveries');
  out.uint(deliveries);
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
  if (message.extrasCount > 0) out.raw(message.extras);
}
