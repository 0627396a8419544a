/** A blob as a request names it: by id, or by the plain BLAKE3 of its bytes (specs/storage-1.md §3.3, §3.4). */
export interface BlobName {
  readonly form: 'id' | 'alias';
  /** 64 hexadecimal digits. */
  readonly hex: string;
}

const ID = 'b3m:';
const ALIAS = 'b3:';
const NAME = /^(b3m:|b3:)([0-9a-f]{64})$/;

/** The parts of an id or alias; `undefined` for any other text. */
export function parseBlobName(text: string): BlobName | undefined {
  const match = NAME.exec(text);
  if (match === null) return undefined;
  return { form: match[1] === ID ? 'id' : 'alias', hex: match[2] as string };
}

/** Text of an id. */
export function idText(digest: Uint8Array): string {
  return ID + Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('hex');
}

/** Text of an alias. */
export function aliasText(digest: Uint8Array): string {
  return ALIAS + Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('hex');
}
