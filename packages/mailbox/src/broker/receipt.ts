import { byteKey, readU32Key, readU48Key, u32Key } from '../codec/binary.ts';
import { PRIORITY_MAX } from '../limits.ts';

/** A receipt names the key of its lease, so that settling it searches nothing. */
export interface Receipt {
  readonly dueMs: number;
  readonly id: string;
  readonly generation: number;
  readonly priority: number;
}

const DUE_BYTES = 6;
const ID_END = 22;
const RECEIPT_BYTES = 27;

/**
 * The bytes of a receipt as binary string.
 *
 * @param leaseKey key of the lease, which ends with its time and the id
 */
export function receiptOf(leaseKey: string, generation: number, priority: number): string {
  return leaseKey.slice(-ID_END) + u32Key(generation) + byteKey(priority);
}

/** Undefined when the bytes are no receipt. */
export function parseReceipt(bytes: Uint8Array): Receipt | undefined {
  if (bytes.length !== RECEIPT_BYTES) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const priority = text.charCodeAt(RECEIPT_BYTES - 1);
  if (priority > PRIORITY_MAX) return undefined;
  return { dueMs: readU48Key(text, 0), id: text.slice(DUE_BYTES, ID_END), generation: readU32Key(text, ID_END), priority };
}
