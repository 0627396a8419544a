import { readCount, readFlag, readOptionalCount, readOptionalText, readText, readWord } from '../fields.ts';
import type { Fields } from '../fields.ts';

/** `partial`: a PUT broke off, and may go on. `corrupt`: the node found damage, and does not serve it. */
export type BlobState = 'whole' | 'partial' | 'corrupt';

/** What the node says of a blob (specs/storage-1.md §5.5). */
export interface BlobStatus {
  readonly id: string;
  readonly state: BlobState;
  /** Undefined while it is partial and nobody said. */
  readonly sizeBytes: number | undefined;
  /** `b3:` and the plain BLAKE3 of the whole; undefined while it is partial. */
  readonly b3: string | undefined;
  readonly mediaType: string | undefined;
  /** When the first PUT of it began, Unix milliseconds. */
  readonly createdMs: number;
  readonly pinned: boolean;
  /** Unix milliseconds; undefined for a pin without end, and without pin. */
  readonly pinUntilMs: number | undefined;
  /** Of a partial one: bytes that need not be sent again. */
  readonly receivedBytes: number | undefined;
  /** Of a corrupt one: the first leaf of 65,536 bytes that is damaged. */
  readonly corruptLeaf: number | undefined;
}

/** What a tenant holds, and may hold. */
export interface StorageUsage {
  readonly blobs: number;
  readonly pinnedBytes: number;
  /** Of blobs that are kept for the grace window, or until room is needed. */
  readonly unpinnedBytes: number;
  /** Of uploads that broke off. */
  readonly partialBytes: number;
  /** Bytes of all three kinds together. */
  readonly quotaBytes: number;
  readonly quotaBlobs: number;
}

/** A leaf that is not what it was. */
export interface DamagedLeaf {
  readonly id: string;
  /** Counts from 0, in leaves of 65,536 bytes. */
  readonly leaf: number;
}

/** @throws OapError bad_response */
export function readBlobStatus(fields: Fields): BlobStatus {
  return {
    id: readText(fields, 'id'),
    state: readWord(fields, 'state', ['whole', 'partial', 'corrupt']),
    sizeBytes: readOptionalCount(fields, 'size_bytes'),
    b3: readOptionalText(fields, 'b3'),
    mediaType: readOptionalText(fields, 'media_type'),
    createdMs: readCount(fields, 'created_ms'),
    pinned: readFlag(fields, 'pinned'),
    pinUntilMs: readOptionalCount(fields, 'pin_until_ms'),
    receivedBytes: readOptionalCount(fields, 'received_bytes'),
    corruptLeaf: readOptionalCount(fields, 'corrupt_leaf'),
  };
}

/** @throws OapError bad_response */
export function readUsage(fields: Fields): StorageUsage {
  return {
    blobs: readCount(fields, 'blobs'),
    pinnedBytes: readCount(fields, 'pinned_bytes'),
    unpinnedBytes: readCount(fields, 'unpinned_bytes'),
    partialBytes: readCount(fields, 'partial_bytes'),
    quotaBytes: readCount(fields, 'quota_bytes'),
    quotaBlobs: readCount(fields, 'quota_blobs'),
  };
}

/** @throws OapError bad_response */
export function readDamage(fields: Fields): DamagedLeaf {
  return { id: readText(fields, 'id'), leaf: readCount(fields, 'leaf') };
}
