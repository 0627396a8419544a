import { encode } from '@msgpack/msgpack';
import type { BlobEntry } from '../index/blob-index.ts';
import { LEAF_BYTES } from '../limits.ts';
import { aliasText, idText } from '../tree/blob-name.ts';

/** What a GET answers with before the bytes (specs/storage-1.md §5.2). */
export function encodeMetadata({ hex, record }: BlobEntry, bodyBytes: number): Uint8Array {
  return encode({
    id: idText(Buffer.from(hex, 'hex')),
    b3: aliasText(record.b3),
    size_bytes: record.sizeBytes,
    root: record.root,
    leaf_bytes: LEAF_BYTES,
    body_bytes: bodyBytes,
    ...(record.mediaType === '' ? {} : { media_type: record.mediaType }),
  });
}
