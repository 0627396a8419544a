import { OapError, Reject } from '@omnigate/kernel';
import { decodeMap } from '@omnigate/kernel/wire';
import { BLOB_BYTES_MAX, CURSOR_CHARS_MAX, HAS_IDS_MAX, LEAF_BYTES, LIST_BLOBS_DEFAULT, LIST_BLOBS_MAX, MEDIA_TYPE_CHARS_MAX, PIN_TTL_MS_MAX, RANGES_MAX } from '../limits.ts';
import { StorageReject } from '../rejects.ts';
import { parseBlobName } from '../tree/blob-name.ts';
import type { BlobName } from '../tree/blob-name.ts';
import type { ByteRange } from './ranges.ts';

/** A blob as a request names it, with the text that its capability is judged by. */
export interface NamedBlob extends BlobName {
  readonly text: string;
}

/** GET (specs/storage-1.md §5.2). */
export interface GetRequest {
  readonly id: NamedBlob;
  readonly ranges: readonly ByteRange[] | undefined;
  readonly proof: boolean;
}

/** PUT (§5.4). */
export interface PutRequest {
  readonly sizeBytes: number | undefined;
  readonly mediaType: string | undefined;
  readonly expect: NamedBlob | undefined;
  readonly offsetBytes: number | undefined;
  readonly pinTtlMs: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const MEDIA_TYPE = new RegExp(`^[\\u0020-\\u007e]{1,${MEDIA_TYPE_CHARS_MAX}}$`);

/** @throws OapError bad_payload that names the first field that is wrong */
export function parseGet(payload: Uint8Array): GetRequest {
  const fields = fieldsOf(payload);
  const id = required(fields, 'id', blobNameOf);
  const ranges = optional(fields, 'ranges', rangesOf);
  return { id, ranges, proof: optional(fields, 'proof', booleanOf) ?? false };
}

/** The ids of a HAS. @throws OapError bad_payload */
export function parseHas(payload: Uint8Array): readonly NamedBlob[] {
  return required(fieldsOf(payload), 'ids', (value, field) => {
    if (!Array.isArray(value) || value.length === 0 || value.length > HAS_IDS_MAX) throw badField(field);
    return value.map((item: unknown) => blobNameOf(item, field));
  });
}

/** @throws OapError bad_payload, or blob_too_large */
export function parsePut(payload: Uint8Array): PutRequest {
  const fields = fieldsOf(payload);
  const sizeBytes = optional(fields, 'size_bytes', countOf);
  const mediaType = optional(fields, 'media_type', mediaTypeOf);
  const expect = optional(fields, 'expect', idOf);
  const offsetBytes = optional(fields, 'offset_bytes', countOf);
  if (offsetBytes !== undefined && (offsetBytes % LEAF_BYTES !== 0 || expect === undefined)) throw badField('offset_bytes');
  const pinTtlMs = optional(fields, 'pin_ttl_ms', (value, field) => countWithin(value, field, 0, PIN_TTL_MS_MAX));
  if ((sizeBytes ?? 0) > BLOB_BYTES_MAX) throw new OapError(StorageReject.blob_too_large);
  return { sizeBytes, mediaType, expect, offsetBytes, pinTtlMs };
}

/** The blob of a request that needs one, such as UNPIN. @throws OapError bad_payload */
export function parseId(payload: Uint8Array): NamedBlob {
  return required(fieldsOf(payload), 'id', blobNameOf);
}

/** The blob of a STAT; `undefined` asks about the tenant. @throws OapError bad_payload */
export function parseStat(payload: Uint8Array): NamedBlob | undefined {
  return optional(fieldsOf(payload), 'id', blobNameOf);
}

/** @throws OapError bad_payload */
export function parsePin(payload: Uint8Array): { readonly id: NamedBlob; readonly ttlMs: number | undefined } {
  const fields = fieldsOf(payload);
  const id = required(fields, 'id', blobNameOf);
  return { id, ttlMs: optional(fields, 'ttl_ms', (value, field) => countWithin(value, field, 1, PIN_TTL_MS_MAX)) };
}

/** @throws OapError bad_payload */
export function parseList(payload: Uint8Array): { readonly cursor: string | undefined; readonly limit: number } {
  const fields = fieldsOf(payload);
  const cursor = optional(fields, 'cursor', cursorOf);
  const limit = optional(fields, 'limit', (value, field) => countWithin(value, field, 1, LIST_BLOBS_MAX));
  return { cursor, limit: limit ?? LIST_BLOBS_DEFAULT };
}

/** A request without fields. @throws OapError bad_payload when it is no map */
export function parseNothing(payload: Uint8Array): void {
  fieldsOf(payload);
}

/** @throws OapError bad_payload */
export function parseScrub(payload: Uint8Array): { readonly id: NamedBlob | undefined; readonly cursor: string | undefined } {
  const fields = fieldsOf(payload);
  const id = optional(fields, 'id', blobNameOf);
  return { id, cursor: optional(fields, 'cursor', cursorOf) };
}

/** The refusal of a field of the right type whose value leads nowhere, such as a cursor that this node never gave. */
export function badField(field: string): OapError {
  return new OapError(Reject.bad_payload, { message: `The field ${field} is missing or not what it has to be.`, detail: { field } });
}

function fieldsOf(payload: Uint8Array): Fields {
  if (payload.length === 0) return {};
  const fields = decodeMap(payload);
  if (fields === undefined) {
    throw new OapError(Reject.bad_payload, { message: 'The body is not a MessagePack map.', detail: { field: 'body' } });
  }
  return fields;
}

function required<T>(fields: Fields, field: string, read: (value: unknown, field: string) => T): T {
  return read(fields[field], field);
}

function optional<T>(fields: Fields, field: string, read: (value: unknown, field: string) => T): T | undefined {
  const value = fields[field];
  return value === undefined ? undefined : read(value, field);
}

function blobNameOf(value: unknown, field: string): NamedBlob {
  const name = typeof value === 'string' ? parseBlobName(value) : undefined;
  if (name === undefined) throw badField(field);
  return { form: name.form, hex: name.hex, text: value as string };
}

function idOf(value: unknown, field: string): NamedBlob {
  const name = blobNameOf(value, field);
  if (name.form !== 'id') throw badField(field);
  return name;
}

function booleanOf(value: unknown, field: string): boolean {
  if (typeof value !== 'boolean') throw badField(field);
  return value;
}

function mediaTypeOf(value: unknown, field: string): string {
  if (typeof value !== 'string' || !MEDIA_TYPE.test(value)) throw badField(field);
  return value;
}

function cursorOf(value: unknown, field: string): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > CURSOR_CHARS_MAX) throw badField(field);
  return value;
}

function countOf(value: unknown, field: string): number {
  return countWithin(value, field, 0, Number.MAX_SAFE_INTEGER);
}

function countWithin(value: unknown, field: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) throw badField(field);
  return value;
}

function rangesOf(value: unknown, field: string): readonly ByteRange[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > RANGES_MAX) throw badField(field);
  let behind = 0;
  return value.map((item: unknown): ByteRange => {
    if (!Array.isArray(item) || item.length !== 2) throw badField(field);
    const start = countWithin(item[0], field, behind, Number.MAX_SAFE_INTEGER);
    const end = countWithin(item[1], field, start + 1, Number.MAX_SAFE_INTEGER);
    behind = end;
    return [start, end];
  });
}
