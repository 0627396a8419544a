import { decode, encode } from '@msgpack/msgpack';
import { OapError } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { BLOB_CHUNK_BYTES } from '../bounds.ts';

const STORAGE_APP = 17;
const Op = { GET: 1, HAS: 2, PUT: 3, STAT: 4, LIST: 7 } as const;

/** A blob as STAT and LIST tell of it. */
export interface BlobState {
  readonly id: string;
  readonly state: 'whole' | 'partial' | 'corrupt';
  readonly size_bytes?: number;
  readonly received_bytes?: number;
}

/** Puts bytes from an offset on, chunk by chunk; returns the id. */
export async function put(client: Client, bytes: Uint8Array, fields: object = {}, pause?: () => Promise<void>): Promise<string> {
  const stream = client.stream(STORAGE_APP, Op.PUT);
  const write = async (): Promise<void> => {
    await stream.write(encode(fields));
    for (let at = 0; at < bytes.length; at += BLOB_CHUNK_BYTES) {
      await stream.write(bytes.subarray(at, at + BLOB_CHUNK_BYTES));
      await pause?.();
    }
    await stream.end();
  };
  // The reply says why, if it fails.
  write().catch(() => undefined);
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return (decode(Buffer.concat(parts)) as { id: string }).id;
}

/** The bytes of a blob, or the reason why there are none. */
export async function get(client: Client, id: string): Promise<Buffer | string> {
  const parts: Uint8Array[] = [];
  try {
    for await (const part of client.stream(STORAGE_APP, Op.GET, { body: encode({ id }) })) parts.push(part);
  } catch (error) {
    return OapError.from(error).reason;
  }
  // The first chunk is the metadata.
  return Buffer.concat(parts.slice(1));
}

export async function has(client: Client, id: string): Promise<boolean> {
  const { have } = (await call(client, Op.HAS, { ids: [id] })) as { have: Uint8Array };
  return have[0] === 1;
}

/** What is known of a blob; undefined when there is none. */
export async function stat(client: Client, id: string): Promise<BlobState | undefined> {
  try {
    return (await call(client, Op.STAT, { id })) as BlobState;
  } catch (error) {
    if (OapError.from(error).reason === 'blob_not_found') return undefined;
    throw error;
  }
}

/** All blobs. */
export async function list(client: Client): Promise<readonly BlobState[]> {
  const blobs: BlobState[] = [];
  let cursor: string | undefined;
  do {
    const page = (await call(client, Op.LIST, { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) })) as { blobs: BlobState[]; cursor?: string };
    blobs.push(...page.blobs);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return blobs;
}

async function call(client: Client, op: number, fields: object): Promise<unknown> {
  const { payload } = await client.request(STORAGE_APP, op, encode(fields));
  return decode(payload);
}
