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
  bytes.writeUInt32BE(slot.deliveries, 2);
  bytes.writeUInt32BE(slot.generation, 6);
  bytes.writeUInt32BE(slot.sizeBytes, 10);
  bytes.writeUInt32BE(slot.holder, 14);
  bytes.writeUIntBE(slot.notBeforeMs, 18, 6);
  if (group.length > 0) bytes.write(group, HEAD_BYTES, 'latin1');
  return bytes;
}

export function decodeSlot(bytes: Uint8Array): Slot {
  const buffer = asBuffer(bytes);
  return {
    priority: buffer[0] as number,
    flags: buffer[1] as number,
    deliveries: buffer.readUInt32BE(2),
    generation: buffer.readUInt32BE(6),
    sizeBytes: buffer.readUInt32BE(10),
    holder: buffer.readUInt32BE(14),
    notBeforeMs: buffer.readUIntBE(18, 6),
    group: buffer.length === HEAD_BYTES ? '' : buffer.toString('latin1', HEAD_BYTES),
  };
}

/** The same memory with the methods of a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
