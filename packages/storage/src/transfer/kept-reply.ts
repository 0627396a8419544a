import { decodeRecord } from '../index/blob-record.ts';
import type { BlobKeeper } from '../keeper/blob-keeper.ts';
import type { BlobName } from '../tree/blob-name.ts';
import { encodeMetadata } from './metadata.ts';

/** The whole answer to a GET of a whole blob. */
export interface KeptReply {
  /** The record that it was made of, as the index has it. */
  readonly record: Uint8Array;
  readonly endToEnd: boolean;
  readonly metadata: Uint8Array;
  /** Checked; not to be changed. */
  readonly bytes: Uint8Array;
}

/** Answers made of bytes that a keeper has at hand, which need no waiting. */
export class KeptReplies {
  readonly #keeper: BlobKeeper;
  /** By the bytes that they are made of, so that they go together. */
  readonly #replies = new WeakMap<Uint8Array, KeptReply>();

  constructor(keeper: BlobKeeper) {
    this.#keeper = keeper;
  }

  /** `undefined` for a blob that is not at hand, or not to be served. */
  find(tenant: string, name: BlobName): KeptReply | undefined {
    const { index } = this.#keeper;
    const hex = index.resolve(tenant, name);
    const bytes = hex === undefined ? undefined : this.#keeper.kept(tenant, hex);
    if (hex === undefined || bytes === undefined) return undefined;
    const stored = index.stored(tenant, hex);
    if (stored === undefined) return undefined;
    const known = this.#replies.get(bytes);
    if (known !== undefined && stored.equals(known.record)) return known;
    const record = decodeRecord(stored);
    if (record.corruptLeaf !== undefined) return undefined;
    const metadata = encodeMetadata({ tenant, hex, record }, record.sizeBytes);
    const reply = { record: stored, endToEnd: record.endToEnd, metadata, bytes };
    this.#replies.set(bytes, reply);
    return reply;
  }
}
