import { decodeMap, OapError, Reject } from '@omnigate/kernel/wire';
import { badField, readBytes, readCount, readOptionalText, readText } from '../fields.ts';
import { STORAGE_LEAF_BYTES } from '../limits.ts';
import { SdkReject } from '../rejects.ts';
import { idText, parseBlobName } from './blob-id.ts';
import type { BlobName } from './blob-id.ts';
import { HASH_BYTES, sameHash } from './blob-tree.ts';
import type { BlobTree } from './blob-tree.ts';

/** What a GET says before the first byte. */
export interface BlobHead {
  readonly id: string;
  /** The plain BLAKE3 of the whole, as the node says. */
  readonly b3: string;
  readonly sizeBytes: number;
  readonly root: Uint8Array;
  readonly mediaType: string | undefined;
}

/**
 * Reads the first frame of a GET and checks that size and root make the id
 * (specs/storage-1.md §4). For a request by alias that id is the node's word.
 *
 * @throws OapError bad_response, blob_unverified
 */
export function readBlobHead(payload: Uint8Array, asked: BlobName, tree: BlobTree): BlobHead {
  const fields = decodeMap(payload);
  if (fields === undefined) throw badField('');
  const head: BlobHead = {
    id: readText(fields, 'id'),
    b3: readText(fields, 'b3'),
    sizeBytes: readCount(fields, 'size_bytes'),
    root: readBytes(fields, 'root'),
    mediaType: readOptionalText(fields, 'media_type'),
  };
  if (head.root.length !== HASH_BYTES) throw badField('root');
  const name = parseBlobName(head.id);
  if (name?.form !== 'id') throw badField('id');
  if (readCount(fields, 'leaf_bytes') !== STORAGE_LEAF_BYTES) throw badField('leaf_bytes');
  const expected = asked.form === 'id' ? asked.digest : name.digest;
  if (!sameHash(name.digest, expected) || !sameHash(tree.id(head.sizeBytes, head.root), expected)) {
    const id = idText(expected);
    throw new OapError(SdkReject.blob_unverified, {
      message: `What the node says of ${id} is not what the id says.`,
      detail: { id },
    });
  }
  return head;
}

/** The error for a node that gave bytes where it had to refuse the ranges. */
export function rangesIgnored({ id, sizeBytes }: BlobHead): OapError {
  const message = `The node answered for ranges behind the end of ${id}, which has ${sizeBytes} bytes.`;
  return new OapError(Reject.bad_response, { message });
}
