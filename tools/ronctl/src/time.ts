import { InvalidArgumentError } from 'commander';

/** Times as people write and read them. */

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;

/** Milliseconds of a time such as `90s`, `5m`, `1h` or `7d`, from an argument. */
export function duration(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a number and s, m, h or d, such as 90s, 5m or 1h.');
  return ms;
}

/** Unix milliseconds of a moment such as `2026-01-31T08:00:00Z`, from an argument. */
export function moment(text: string): number {
  const ms = momentMs(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a moment such as 2026-01-31T08:00:00Z.');
  return ms;
}

/** As {@link moment}, or a time from now as {@link duration}. */
export function momentAhead(text: string): number {
  const aheadMs = durationMs(text);
  const ms = aheadMs === undefined ? momentMs(text) : Date.now() + aheadMs;
  if (ms === undefined) throw new InvalidArgumentError('Write a moment such as 2026-01-31T08:00:00Z, or a time from now such as 5m.');
  return ms;
}

/** `1h 30m`; what is less than a second is left out. */
export function formatDuration(ms: number): string {
  let rest = ms;
  const parts = Object.entries(UNITS_MS).flatMap(([unit, unitMs]) => {
    const count = Math.floor(rest / unitMs);
    rest -= count * unitMs;
    return count === 0 ? [] : [`${count}${unit}`];
  });
  return parts.join(' ') || '0s';
}

/** A moment in UTC; as a bare number where no calendar reaches. */
export function formatMoment(ms: number): string {
  return ms <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
}

/** A moment and how far away it is. */
export function formatDistance(ms: number, nowMs: number): string {
  const distance = formatDuration(Math.abs(ms - nowMs));
  return `${formatMoment(ms)} (${ms > nowMs ? `in ${distance}` : `${distance} ago`})`;
}

function durationMs(text: string): number | undefined {
  const match = /^([1-9]\d{0,6})([smhd])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
}

function momentMs(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
