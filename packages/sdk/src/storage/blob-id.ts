/** A blob as it is named: by id, or by the plain BLAKE3 of its bytes (specs/storage-1.md §3.3, §3.4). */
export interface BlobName {
  readonly form: 'id' | 'alias';
  /** 32 bytes. */
  readonly digest: Uint8Array;
}

const NAME = /^(b3m:|b3:)([0-9a-f]{64})$/;

/** The parts of an id or alias; undefined for any other text. */
export function parseBlobName(text: string): BlobName | undefined {
  const match = NAME.exec(text);
  if (match === null) return undefined;
  return { form: match[1] === 'b3m:' ? 'id' : 'alias', digest: Buffer.from(match[2] as string, 'hex') };
}

/** @throws TypeError for a text that is neither id nor alias, which no node has to be asked about */
export function readBlobName(text: string): BlobName {
  const name = parseBlobName(text);
  if (name === undefined) throw new TypeError(`'${text}' is no blob: write b3m: or b3: and 64 hex digits, lower case`);
  return name;
}

/** Text of an id. */
export function idText(digest: Uint8Array): string {
  return `b3m:${Buffer.from(digest).toString('hex')}`;
}

/** Text of an alias. */
export function aliasText(digest: Uint8Array): string {
  return `b3:${Buffer.from(digest).toString('hex')}`;
}
