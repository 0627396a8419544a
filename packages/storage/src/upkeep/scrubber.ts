import type { BlobEntry } from '../index/blob-index.ts';
import type { BlobKeeper } from '../keeper/blob-keeper.ts';
import { DamagedError } from '../keeper/verified-blob.ts';
import { BATCH_BYTES_MAX, LEAF_BYTES, SCRUB_PAUSE_MS } from '../limits.ts';
import { pause } from './pause.ts';

/** What a check of one blob found. */
export interface Checked {
  readonly bytes: number;
  /** The first leaf found damaged; absent when the blob is whole. */
  readonly damagedLeaf?: number;
}

/** Where the scrubber was, for after a restart. */
const NOTE = 'scrubbed';
/** Blobs between two notes. */
const NOTE_EVERY = 64;
const MS_PER_SECOND = 1_000;

/** Reads all blobs in turn, slowly, and books what is damaged (specs/storage-1.md §9). */
export class Scrubber {
  readonly #keeper: BlobKeeper;
  readonly #bytesPerSecond: number;

  constructor(keeper: BlobKeeper, bytesPerSecond: number) {
    this.#keeper = keeper;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Goes over everything again and again until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.pass(signal);
      await pause(SCRUB_PAUSE_MS, signal);
    }
  }

  /** Goes over everything behind the last note, once. */
  async pass(signal: AbortSignal): Promise<void> {
    const { index } = this.#keeper;
    let at = positionOf(index.note(NOTE));
    for (let count = 1; ; count++) {
      if (signal.aborted) return;
      const entry = index.next(at);
      if (entry === undefined) break;
      await this.check(entry, signal, async (bytes) => pause((bytes * MS_PER_SECOND) / this.#bytesPerSecond, signal));
      at = entry;
      if (count % NOTE_EVERY === 0) await index.setNote(NOTE, entry.tenant + entry.hex);
    }
    await index.setNote(NOTE, '');
  }

  /**
   * Checks one blob.
   *
   * @param onBytes told after each batch, and waited for
   */
  async check(entry: BlobEntry, signal: AbortSignal, onBytes: (bytes: number) => Promise<void>): Promise<Checked> {
    const { corruptLeaf } = entry.record;
    if (corruptLeaf !== undefined) return { bytes: 0, damagedLeaf: corruptLeaf };
    const blob = this.#keeper.openFresh(entry);
    const batchLeaves = BATCH_BYTES_MAX / LEAF_BYTES;
    let checked = 0;
    try {
      for (let first = 0; first < blob.leafCount && !signal.aborted; first += batchLeaves) {
        const { length } = await blob.leaves(first, Math.min(batchLeaves, blob.leafCount - first));
        checked += length;
        this.#keeper.figures.scrubbedBytes += length;
        await onBytes(length);
      }
    } catch (error) {
      await this.#keeper.refusalOf(error);
      if (!(error instanceof DamagedError)) return { bytes: checked };
      // A blob that was swept meanwhile is gone and not damaged.
      const leaf = this.#keeper.index.get(entry.tenant, entry.hex)?.corruptLeaf;
      return { bytes: checked, ...(leaf === undefined ? {} : { damagedLeaf: leaf }) };
    }
    return { bytes: checked };
  }
}

const TENANT_DIGITS = 32;

function positionOf(note: string | undefined): { readonly tenant: string; readonly hex: string } | undefined {
  if (note === undefined || note === '') return undefined;
  return { tenant: note.slice(0, TENANT_DIGITS), hex: note.slice(TENANT_DIGITS) };
}
