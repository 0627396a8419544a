import { NOTES_MAX } from './bounds.ts';

/** What a loop has counted, in the terms of its promise: what was acknowledged survives, once and unchanged. */
export class Tally {
  acknowledged = 0;
  /** Acknowledged, and not there any more. */
  lost = 0;
  /** There twice, or again after it was done with. */
  duplicated = 0;
  /** There, and not as it was promised. */
  wrong = 0;
  readonly #notes: string[] = [];

  /** Counts something that must not be, and keeps the first few descriptions. */
  count(kind: 'lost' | 'duplicated' | 'wrong', note: string): void {
    this[kind]++;
    if (this.#notes.length < NOTES_MAX) this.#notes.push(`${kind}: ${note}`);
  }

  /** Takes up what another one has counted. */
  add(other: Tally): void {
    for (const kind of ['acknowledged', 'lost', 'duplicated', 'wrong'] as const) this[kind] += other[kind];
    this.#notes.push(...other.notes.slice(0, NOTES_MAX - this.#notes.length));
  }

  /** Whether everything was acknowledged truly. */
  get clean(): boolean {
    return this.lost + this.duplicated + this.wrong === 0;
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  toString(): string {
    const { acknowledged, lost, duplicated, wrong } = this;
    return `acknowledged ${acknowledged}, lost ${lost}, duplicated ${duplicated}, wrong ${wrong}`;
  }
}
