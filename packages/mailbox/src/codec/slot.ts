import { getU32, getU48, putU32, putU48 } from './binary.ts';

/** What a message takes along from state to state; its body stays where it was written first. */
export interface Slot {
  readonly priority: number;
  readonly flags: number;
  /** Bytes it counts for. */
  readonly sizeBytes: number;
  /** Binary string that names its group, empty without one. */
  readonly group: string;
  /** Deliveries that began. */
  deliveries: number;
  /** Counts what makes older receipts void. */
  generation: number;
  /** Number of the subscription that has the lease; 0 for none. */
  holder: number;
  /** Earliest time of its next delivery, for one that waits in its group. */
  notBeforeMs: number;
}

/** The message has a TTL. */
export const SLOT_TTL = 1;

const HEAD_BYTES = 24;
/** Bytes of the name of a group. */
export const GROUP_BYTES = 16;

export function encodeSlot(slot: Slot): Buffer {
  const { group } = slot;
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + group.length);
  bytes[0] = slot.priority;
  bytes[1] = slot.flags;
  putU32(bytes, 2, slot.deliveries);
  putU32(bytes, 6, slot.generation);
  putU32(bytes, 10, slot.sizeBytes);
  putU32(bytes, 14, slot.holder);
  putU48(bytes, 18, slot.notBeforeMs);
  if (group.length > 0) bytes.write(group, HEAD_BYTES, 'latin1');
  return bytes;
}

export function decodeSlot(bytes: Uint8Array): Slot {
  return {
    priority: bytes[0] as number,
    flags: bytes[1] as number,
    deliveries: getU32(bytes, 2),
    generation: getU32(bytes, 6),
    sizeBytes: getU32(bytes, 10),
    holder: getU32(bytes, 14),
    notBeforeMs: getU48(bytes, 18),
    group: bytes.length === HEAD_BYTES ? '' : asBuffer(bytes).toString('latin1', HEAD_BYTES),
  };
}

/** The same memory with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
