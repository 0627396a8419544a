import type { DenialReason } from '../denial.ts';
import { AUDIT_DENIALS_PER_SECOND_MAX } from '../limits.ts';

interface ReasonState {
  second: number;
  taken: number;
  omitted: number;
}

/**
 * Decides which denials are recorded: the first AUDIT_DENIALS_PER_SECOND_MAX of
 * each reason in each second. None is lost without trace: what is left out is
 * counted, and the count is recorded.
 */
export class DenialSampler {
  readonly #states = new Map<DenialReason, ReasonState>();

  /** Whether to record this one. */
  take(reason: DenialReason, nowMs: number): boolean {
    let state = this.#states.get(reason);
    if (state === undefined) {
      state = { second: 0, taken: 0, omitted: 0 };
      this.#states.set(reason, state);
    }
    const second = Math.floor(nowMs / 1_000);
    if (second !== state.second) {
      state.second = second;
      state.taken = 0;
    }
    if (state.taken < AUDIT_DENIALS_PER_SECOND_MAX) {
      state.taken += 1;
      return true;
    }
    state.omitted += 1;
    return false;
  }

  /** One more was left out, for instance because the disk was too slow. */
  omit(reason: DenialReason): void {
    const state = this.#states.get(reason);
    if (state !== undefined) state.omitted += 1;
  }

  /** Counts of what was left out since the last call, without zeros. */
  drain(): { readonly reason: DenialReason; readonly omitted: number }[] {
    const counts = [...this.#states].flatMap(([reason, { omitted }]) => (omitted > 0 ? [{ reason, omitted }] : []));
    for (const state of this.#states.values()) state.omitted = 0;
    return counts;
  }
}
