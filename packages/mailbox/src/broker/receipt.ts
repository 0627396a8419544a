import { readU32Key } from '../codec/binary.ts';
import { asBuffer } from '../codec/slot.ts';
import type { Writer } from '../codec/writer.ts';
import { PRIORITY_MAX } from '../limits.ts';

/** A receipt names the key of its lease, so that settling it searches nothing. */
export interface Receipt {
  /** End of the key of its lease: when it ends, and the id. */
  readonly dueAndId: string;
  readonly id: string;
  readonly generation: number;
  readonly priority: number;
}

const DUE_BYTES = 6;
const ID_END = 22;
const RECEIPT_BYTES = 27;

/**
 * Writes a receipt as bin.
 *
 * @param leaseKey key of the lease, which ends with its time and the id
 */
export function writeReceipt(out: Writer, leaseKey: string, generation: number, priority: number): void {
  out.binHead(RECEIPT_BYTES);
  out.latin1(leaseKey, leaseKey.length - ID_END);
  out.u32(generation);
  out.u8(priority);
}

/** Undefined when the bytes are no receipt. */
export function parseReceipt(bytes: Uint8Array): Receipt | undefined {
  if (bytes.length !== RECEIPT_BYTES) return undefined;
  const priority = bytes[RECEIPT_BYTES - 1] as number;
  if (priority > PRIORITY_MAX) return undefined;
  const text = asBuffer(bytes).toString('latin1');
  return { dueAndId: text.slice(0, ID_END), id: text.slice(DUE_BYTES, ID_END), generation: readU32Key(text, ID_END), priority };
}
