import { readMs } from './options.ts';
import type { CallTerms } from './options.ts';

/** What any call of a mailbox or of storage may ask for. */
export interface CallOptions {
  /** Time for the whole call, repetitions included, milliseconds; that of the client when absent. */
  readonly deadlineMs?: number | undefined;
  /** Cancels the call, here and at the node. */
  readonly signal?: AbortSignal | undefined;
}

/** The terms of one call. */
export function readCallTerms({ deadlineMs, signal }: CallOptions, terms: CallTerms): CallTerms {
  if (deadlineMs === undefined && signal === undefined) return terms;
  return { ...terms, signal, deadlineMs: deadlineMs === undefined ? terms.deadlineMs : readMs(deadlineMs, 'deadlineMs') };
}
