import { DURATIONS_KEPT } from './limits.ts';

/** What was done so far, and how long the latest of it took. */
export interface Figures {
  readonly tiles: number;
  readonly bytes: number;
  /** Milliseconds for one tile; 0 before the first. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Counts tiles on their way into the store or out of it. */
export class TileMeter {
  #tiles = 0;
  #bytes = 0;
  readonly #durations = new Float64Array(DURATIONS_KEPT);

  add(bytes: number, durationMs: number): void {
    this.#durations[this.#tiles % DURATIONS_KEPT] = durationMs;
    this.#tiles++;
    this.#bytes += bytes;
  }

  get figures(): Figures {
    const sorted = this.#durations.slice(0, Math.min(this.#tiles, DURATIONS_KEPT)).sort();
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { tiles: this.#tiles, bytes: this.#bytes, p50Ms: at(0.5), p99Ms: at(0.99) };
  }
}

/** Figures of a time, such as `420 tiles, 84.0 tiles/s, 0.62 MB/s, p50 1.1 ms, p99 4.0 ms`. */
export function formatFigures({ tiles, bytes, p50Ms, p99Ms }: Figures, durationMs: number): string {
  const perSecond = (count: number): number => (count * 1_000) / Math.max(durationMs, 1);
  return [
    `${counted(tiles)} tiles`,
    `${perSecond(tiles).toFixed(1)} tiles/s`,
    `${(perSecond(bytes) / 1e6).toFixed(2)} MB/s`,
    `p50 ${p50Ms.toFixed(1)} ms`,
    `p99 ${p99Ms.toFixed(1)} ms`,
  ].join(', ');
}

/** A count as people read it. */
export function counted(count: number): string {
  return count.toLocaleString('en');
}
