import { OapError } from '@omnigate/sdk';
import { NOTES_MAX } from '../bounds.ts';
import { KINDS } from '../profile.ts';
import type { Kind } from '../profile.ts';

/** What became of the requests of one kind. */
export interface KindTally {
  asked: number;
  answered: number;
  /** Not admitted, in the end, by reason: nothing was done, and the node said so. */
  readonly refused: Record<string, number>;
  /** Everything else that was no answer, by reason. */
  readonly failed: Record<string, number>;
  /** Answers that were not what was asked for, and promises that were not kept. */
  wrong: number;
  slowestMs: number;
}

/** What a load process tells of itself. */
export interface LoadTally {
  readonly kinds: Readonly<Record<Kind, KindTally>>;
  /** Due, and not sent, since as much as may be was under way. */
  skipped: number;
  /** Full scans of topics beside their counters: how many, of how many messages, and where the two disagreed. */
  readonly scans: { made: number; messages: number; different: number };
  readonly notes: string[];
}

/**
 * Reasons by which a node keeps a request out before anything is done. A client
 * tries them again by itself; what is counted is what was refused for good.
 */
const REFUSALS: ReadonlySet<string> = new Set([
  'quota_tenant',
  'quota_app',
  'quota_bytes',
  'overload',
  'draining',
  'conn_limit',
  'inflight',
  'inflight_bytes',
  'mailbox_busy',
  'storage_busy',
  // Not refused at the door, but nothing is lost: the message comes again.
  'lease_lost',
]);

/** What became of one request. */
export type Outcome<T> = { readonly ok: true; readonly answer: T } | { readonly ok: false; readonly error: OapError };

/** Counts what a load asks for. */
export class Tally {
  readonly counts: LoadTally = {
    kinds: Object.fromEntries(KINDS.map((kind) => [kind, { asked: 0, answered: 0, refused: {}, failed: {}, wrong: 0, slowestMs: 0 }])) as unknown as LoadTally['kinds'],
    skipped: 0,
    scans: { made: 0, messages: 0, different: 0 },
    notes: [],
  };

  /** Makes a request and counts what becomes of it. */
  async ask<T>(kind: Kind, request: () => Promise<T>): Promise<Outcome<T>> {
    const counts = this.counts.kinds[kind];
    const startMs = performance.now();
    counts.asked++;
    try {
      const answer = await request();
      counts.answered++;
      return { ok: true, answer };
    } catch (thrown) {
      const error = OapError.from(thrown);
      const group = REFUSALS.has(error.reason) ? counts.refused : counts.failed;
      group[error.reason] = (group[error.reason] ?? 0) + 1;
      if (group === counts.failed) this.#note(`${kind}: ${causeOf(error)}`);
      return { ok: false, error };
    } finally {
      counts.slowestMs = Math.max(counts.slowestMs, performance.now() - startMs);
    }
  }

  /** A promise that was not kept. */
  wrong(kind: Kind, note: string): void {
    this.counts.kinds[kind].wrong++;
    this.#note(`${kind}: ${note}`);
  }

  #note(note: string): void {
    if (this.counts.notes.length < NOTES_MAX) this.counts.notes.push(note);
  }
}

function causeOf(error: OapError): string {
  return error.cause instanceof Error ? `${error.message} [${error.cause.stack ?? error.cause.message}]` : error.message;
}
