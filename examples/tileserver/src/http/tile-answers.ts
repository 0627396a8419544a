import { OapError } from '@omnigate/sdk';
import type { Storage } from '@omnigate/sdk';
import type { TileMeter } from '../figures.ts';
import { READS_MAX, RETRY_AFTER_S, TILE_BYTES_MAX } from '../limits.ts';
import type { Log } from '../log.ts';
import { TILE_MEDIA_TYPE } from '../tile-cutter.ts';
import { tileName } from '../tileset.ts';
import type { TileEntry, Tileset } from '../tileset.ts';
import { readByteRange } from './byte-range.ts';
import type { ByteRange } from './byte-range.ts';
import { ifRangeHolds, noneMatchHas } from './conditional.ts';
import { NO_BODY, problemAnswer } from './http-answer.ts';
import type { HttpAnswer, Problem } from './http-answer.ts';

/** What a request for a tile may say. */
export interface TileRequest {
  readonly head: boolean;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Aborted when the client is gone, with the reason GONE, or when the answer is late. */
  readonly signal: AbortSignal;
}

/** Why nobody needs an answer any more. */
export const GONE = 'the client is gone';

/** A tile of one tileset is the same for ever. */
const IMMUTABLE = { 'cache-control': 'public, max-age=31536000, immutable' };

/** Reasons that say that the bytes in the store are not those of the id. */
const DAMAGED: ReadonlySet<string> = new Set(['blob_corrupt', 'blob_unverified']);

/**
 * Tiles over HTTP. Each is read from the node through the SDK, which checks every
 * byte against the id, and the id is the entity tag; nothing is sent before all of
 * it was checked.
 */
export class TileAnswers {
  /** Tells this tileset from others in URLs. */
  readonly tag: string;
  readonly #tileset: Tileset;
  readonly #storage: Storage;
  readonly #meter: TileMeter;
  readonly #log: Log;
  #reads = 0;
  #notModified = 0;

  constructor(tileset: Tileset, storage: Storage, meter: TileMeter, log: Log) {
    this.tag = tileset.id.slice(tileset.id.indexOf(':') + 1).slice(0, 16);
    this.#tileset = tileset;
    this.#storage = storage;
    this.#meter = meter;
    this.#log = log;
  }

  /** Requests that were answered without bytes, because the browser had them. */
  get notModified(): number {
    return this.#notModified;
  }

  async answer(z: number, x: number, y: number, request: TileRequest): Promise<HttpAnswer> {
    if (!this.#tileset.covers(z, x, y)) return problemAnswer(unknownTile(z, x, y, this.#tileset.zoomMax));
    const entry = this.#tileset.tile(z, x, y);
    if (entry === undefined) return { status: 204, headers: IMMUTABLE, body: NO_BODY };
    const etag = `"${entry.id}"`;
    const headers = { etag, ...IMMUTABLE, 'accept-ranges': 'bytes' };
    if (noneMatchHas(request.ifNoneMatch, etag)) {
      this.#notModified++;
      return { status: 304, headers, body: NO_BODY };
    }
    const ranged = !request.head && ifRangeHolds(request.ifRange, etag);
    const range = readByteRange(ranged ? request.range : undefined, entry.sizeBytes);
    if (range === 'unsatisfiable') return problemAnswer(noSuchRange(entry));
    try {
      return await this.#read(entry, range, request, { ...headers, 'content-type': TILE_MEDIA_TYPE });
    } catch (thrown) {
      return problemAnswer(this.#explain(thrown, tileName(z, x, y), entry, request.signal));
    }
  }

  async #read(entry: TileEntry, range: ByteRange | undefined, { head, signal }: TileRequest, headers: HttpAnswer['headers']): Promise<HttpAnswer> {
    const { id, sizeBytes } = entry;
    if (this.#reads >= READS_MAX) return problemAnswer(busy());
    this.#reads++;
    try {
      if (head) {
        const { state } = await this.#storage.stat(id, { signal });
        if (state !== 'whole') return problemAnswer(damaged(id, state));
        return { status: 200, headers: { ...headers, 'content-length': sizeBytes }, body: NO_BODY };
      }
      const startedMs = performance.now();
      const ranges = range === undefined ? undefined : ([[range.start, range.end]] as const);
      const body = await this.#storage.get(id, { ranges, signal }).bytes({ maxBytes: TILE_BYTES_MAX });
      this.#meter.add(body.length, performance.now() - startedMs);
      if (range === undefined) return { status: 200, headers, body };
      return { status: 206, headers: { ...headers, 'content-range': `bytes ${range.start}-${range.end - 1}/${sizeBytes}` }, body };
    } finally {
      this.#reads--;
    }
  }

  #explain(thrown: unknown, name: string, { id }: TileEntry, signal: AbortSignal): Problem {
    const late = signal.aborted && signal.reason !== GONE;
    const { reason, message } = late ? { reason: 'deadline_exceeded', message: String(signal.reason) } : OapError.from(thrown);
    if (signal.reason !== GONE) this.#log.error(`tile ${name}, ${id}: ${message}`);
    if (DAMAGED.has(reason)) return damaged(id, reason);
    if (reason === 'blob_not_found') {
      return { status: 404, reason, message: `The store lost the tile ${name}. Start the tile server again: it puts back what is missing.` };
    }
    return { status: 503, reason, message: `The store cannot be asked for the tile ${name} now: ${message}`, headers: { 'retry-after': String(RETRY_AFTER_S) } };
  }
}

function unknownTile(z: number, x: number, y: number, zoomMax: number): Problem {
  const message = `There is no tile ${tileName(z, x, y)}: zoom goes from 0 to ${zoomMax}, column and row from 0 to 2^zoom - 1.`;
  return { status: 404, reason: 'tile_unknown', message };
}

function noSuchRange({ sizeBytes }: TileEntry): Problem {
  const message = `The tile has ${sizeBytes} bytes, and none of those that were asked for.`;
  return { status: 416, reason: 'range_invalid', message, headers: { 'content-range': `bytes */${sizeBytes}` } };
}

function damaged(id: string, reason: string): Problem {
  const message = `What the store holds under ${id} is not what the id says, so it is not served. Start the tile server again: it puts the tile anew.`;
  return { status: 502, reason, message };
}

function busy(): Problem {
  const message = `${READS_MAX} tiles are being read already. Try again in ${RETRY_AFTER_S} s.`;
  return { status: 503, reason: 'busy', message, headers: { 'retry-after': String(RETRY_AFTER_S) } };
}
