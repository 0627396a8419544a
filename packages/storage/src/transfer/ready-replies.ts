import { LRUCache } from 'lru-cache';
import type { BlobEntry } from '../index/blob-index.ts';
import { decodeRecord } from '../index/blob-record.ts';
import type { AtHand, BlobKeeper } from '../keeper/blob-keeper.ts';
import { objectName } from '../keeper/verified-blob.ts';
import { GET_KNOWN_BYTES_MAX, GETS_KNOWN_MAX, LEAF_BYTES } from '../limits.ts';
import { encodeMetadata } from './metadata.ts';
import { parseGet } from './request-body.ts';
import type { GetRequest } from './request-body.ts';

/** The whole answer to a GET of a whole blob. */
export interface ReadyReply extends AtHand {
  readonly endToEnd: boolean;
  readonly metadata: Uint8Array;
}

/** What a blob is answered with before its bytes, and the record that this was made of. */
interface Head {
  readonly entry: BlobEntry;
  readonly object: string;
  /** As the index has it. */
  readonly stored: Uint8Array;
  readonly metadata: Uint8Array;
}

/** A GET of one tenant, and what is known of its blob. */
export interface KnownGet {
  readonly tenant: string;
  readonly request: GetRequest;
  /** Undefined for a blob that is not there, or not to be served. */
  head: Head | undefined;
  /** The changes of the index that the head is of. */
  changes: number;
}

/** Answers that need no waiting. A GET that came before is not read again, and its record only when the index changed. */
export class ReadyReplies {
  readonly #keeper: BlobKeeper;
  /** By tenant and body. */
  readonly #known = new LRUCache<string, KnownGet>({ max: GETS_KNOWN_MAX });

  constructor(keeper: BlobKeeper) {
    this.#keeper = keeper;
  }

  /** What a GET asks for. @throws OapError bad_payload */
  asked(tenant: string, body: Uint8Array): KnownGet {
    if (body.length > GET_KNOWN_BYTES_MAX) return unknownGet(tenant, body);
    const key = tenant + Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1');
    const before = this.#known.get(key);
    if (before !== undefined) return before;
    const known = unknownGet(tenant, body);
    this.#known.set(key, known);
    return known;
  }

  /** The answer, if it is at hand and has no more bytes than there is room for. */
  find(known: KnownGet, roomBytes: number): ReadyReply | undefined {
    const { ranges, proof } = known.request;
    if (ranges !== undefined) return undefined;
    const head = this.#head(known);
    if (head === undefined) return undefined;
    const { entry, object, metadata } = head;
    const { sizeBytes, endToEnd } = entry.record;
    // The proof of a single leaf is the leaf.
    if ((proof && sizeBytes > LEAF_BYTES) || metadata.length + sizeBytes > roomBytes) return undefined;
    const found = this.#keeper.atHand(entry, object);
    // Not by spreading, which the engine does the slow way.
    return found === undefined ? undefined : { endToEnd, metadata, bytes: found.bytes, memory: found.memory };
  }

  #head(known: KnownGet): Head | undefined {
    const { index } = this.#keeper;
    const { tenant, request, changes, head } = known;
    if (changes === index.changes) return head;
    known.changes = index.changes;
    const hex = index.resolve(tenant, request.id);
    const stored = hex === undefined ? undefined : index.stored(tenant, hex);
    if (hex === undefined || stored === undefined) return (known.head = undefined);
    if (head !== undefined && head.entry.hex === hex && stored.equals(head.stored)) return head;
    const record = decodeRecord(stored);
    known.head = undefined;
    if (record.corruptLeaf !== undefined) return undefined;
    const entry = { tenant, hex, record };
    const found = { entry, object: objectName(tenant, hex), stored, metadata: encodeMetadata(entry, record.sizeBytes) };
    // Bytes that lie in a record are not kept here beside the index, which has them at hand.
    if (record.inline === undefined) known.head = found;
    else known.changes = NEVER;
    return found;
  }
}

/** The index never counts so many changes. */
const NEVER = -1;

function unknownGet(tenant: string, body: Uint8Array): KnownGet {
  return { tenant, request: parseGet(body), head: undefined, changes: NEVER };
}
