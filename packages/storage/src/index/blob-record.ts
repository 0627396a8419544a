/** What the index keeps of one blob of one tenant. */
export interface BlobRecord {
  readonly sizeBytes: number;
  /** 32 bytes each. */
  readonly root: Uint8Array;
  readonly b3: Uint8Array;
  /** When this tenant first put it, Unix milliseconds. */
  readonly createdMs: number;
  /** When its pin ends, Unix milliseconds; Infinity for one without end, and not above the time of the unpinning where there is none. */
  readonly keptUntilMs: number;
  /** Whether it has a pin, which may have ended since. */
  readonly pinned: boolean;
  /** The bytes are the application's own ciphertext. */
  readonly endToEnd: boolean;
  /** The first leaf found damaged; absent while none was. */
  readonly corruptLeaf?: number | undefined;
  /** Empty when none was given. */
  readonly mediaType: string;
  /** All bytes of a small blob; absent for one that lies in the store. */
  readonly inline?: Uint8Array | undefined;
}

const FORMAT = 1;
const PINNED = 1;
const END_TO_END = 2;
const CORRUPT = 4;
const INLINE = 8;
// format, flags, length of the media type, four numbers, two hashes
const FIXED_BYTES = 3 + 4 * 8 + 2 * 32;

/** A record as the index stores it. */
export function encodeRecord(record: BlobRecord): Buffer {
  const inline = record.inline ?? new Uint8Array(0);
  const bytes = Buffer.alloc(FIXED_BYTES + record.mediaType.length + inline.length);
  bytes[0] = FORMAT;
  bytes[1] =
    (record.pinned ? PINNED : 0) |
    (record.endToEnd ? END_TO_END : 0) |
    (record.corruptLeaf === undefined ? 0 : CORRUPT) |
    (record.inline === undefined ? 0 : INLINE);
  bytes[2] = record.mediaType.length;
  bytes.writeDoubleBE(record.sizeBytes, 3);
  bytes.writeDoubleBE(record.createdMs, 11);
  bytes.writeDoubleBE(record.keptUntilMs, 19);
  bytes.writeDoubleBE(record.corruptLeaf ?? 0, 27);
  bytes.set(record.root, 35);
  bytes.set(record.b3, 67);
  bytes.write(record.mediaType, FIXED_BYTES, 'latin1');
  bytes.set(inline, FIXED_BYTES + record.mediaType.length);
  return bytes;
}

/** @throws Error when the bytes are no record of this version */
export function decodeRecord(bytes: Buffer): BlobRecord {
  if (bytes[0] !== FORMAT) throw new Error(`the storage index has a record of format ${String(bytes[0])}`);
  const flags = bytes[1] as number;
  const mediaEnd = FIXED_BYTES + (bytes[2] as number);
  return {
    pinned: (flags & PINNED) !== 0,
    endToEnd: (flags & END_TO_END) !== 0,
    sizeBytes: bytes.readDoubleBE(3),
    createdMs: bytes.readDoubleBE(11),
    keptUntilMs: bytes.readDoubleBE(19),
    corruptLeaf: (flags & CORRUPT) === 0 ? undefined : bytes.readDoubleBE(27),
    root: bytes.subarray(35, 67),
    b3: bytes.subarray(67, 99),
    mediaType: bytes.toString('latin1', FIXED_BYTES, mediaEnd),
    inline: (flags & INLINE) === 0 ? undefined : bytes.subarray(mediaEnd),
  };
}

/** Whether a stored record is of a blob that can be served, without decoding the rest. */
export function isWhole(bytes: Buffer): boolean {
  return ((bytes[1] as number) & CORRUPT) === 0;
}

/** A PUT that broke off and can be resumed. */
export interface PartRecord {
  /** Bytes that are safely on the disk, whole leaves. */
  readonly receivedBytes: number;
  /** Of the whole blob, where the client said. */
  readonly sizeBytes?: number | undefined;
  readonly startedMs: number;
  readonly changedMs: number;
}

/** A part as the index stores it. */
export function encodePart(part: PartRecord): Buffer {
  const bytes = Buffer.alloc(33);
  bytes[0] = FORMAT;
  bytes.writeDoubleBE(part.receivedBytes, 1);
  bytes.writeDoubleBE(part.sizeBytes ?? -1, 9);
  bytes.writeDoubleBE(part.startedMs, 17);
  bytes.writeDoubleBE(part.changedMs, 25);
  return bytes;
}

/** The reverse of `encodePart`. */
export function decodePart(bytes: Buffer): PartRecord {
  const sizeBytes = bytes.readDoubleBE(9);
  return {
    receivedBytes: bytes.readDoubleBE(1),
    sizeBytes: sizeBytes < 0 ? undefined : sizeBytes,
    startedMs: bytes.readDoubleBE(17),
    changedMs: bytes.readDoubleBE(25),
  };
}

/** What one tenant holds. */
export interface Usage {
  readonly blobs: number;
  readonly pinnedBytes: number;
  readonly unpinnedBytes: number;
  readonly partialBytes: number;
}

export const NO_USAGE: Usage = { blobs: 0, pinnedBytes: 0, unpinnedBytes: 0, partialBytes: 0 };

/** Usage as the index stores it. */
export function encodeUsage(usage: Usage): Buffer {
  const bytes = Buffer.alloc(33);
  bytes[0] = FORMAT;
  bytes.writeDoubleBE(usage.blobs, 1);
  bytes.writeDoubleBE(usage.pinnedBytes, 9);
  bytes.writeDoubleBE(usage.unpinnedBytes, 17);
  bytes.writeDoubleBE(usage.partialBytes, 25);
  return bytes;
}

/** The reverse of `encodeUsage`. */
export function decodeUsage(bytes: Buffer): Usage {
  return {
    blobs: bytes.readDoubleBE(1),
    pinnedBytes: bytes.readDoubleBE(9),
    unpinnedBytes: bytes.readDoubleBE(17),
    partialBytes: bytes.readDoubleBE(25),
  };
}
