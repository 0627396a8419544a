import { PLOT_HEIGHT, PLOT_POINTS_MAX, PLOT_WIDTH } from '../bounds.ts';
import { thinned } from '../judge/theil-sen.ts';
import type { Point } from '../judge/theil-sen.ts';

/** One line of a plot. */
interface Curve {
  readonly name: string;
  readonly points: readonly Point[];
}

/** A plot over time; `at` of its points is milliseconds. */
export interface Plot {
  readonly title: string;
  readonly unit: string;
  readonly curves: readonly Curve[];
}

const LEFT = 64;
const BOTTOM = 24;
const TOP = 8;
const RIGHT = 12;
const COLOURS = ['#2563eb', '#d97706', '#059669', '#9333ea'];
const GRID_LINES = 4;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A plot as an SVG that needs nothing else: axes from zero, the second half shaded, since it is what is judged. */
export function plotAsSvg({ title, unit, curves }: Plot): string {
  const all = curves.flatMap(({ points }) => points);
  const endMs = Math.max(...all.map(({ at }) => at), 1);
  const top = niceTop(Math.max(...all.map(({ value }) => value), 0));
  const x = (at: number): number => LEFT + (at / endMs) * (PLOT_WIDTH - LEFT - RIGHT);
  const y = (value: number): number => PLOT_HEIGHT - BOTTOM - (Math.max(value, 0) / top) * (PLOT_HEIGHT - BOTTOM - TOP);
  const grid = Array.from({ length: GRID_LINES + 1 }, (_, index) => {
    const value = (top * index) / GRID_LINES;
    const height = y(value).toFixed(1);
    return `<line x1="${LEFT}" x2="${PLOT_WIDTH - RIGHT}" y1="${height}" y2="${height}" class="grid"/><text x="${LEFT - 6}" y="${height}" class="y">${label(value)}</text>`;
  });
  const times = Array.from({ length: GRID_LINES + 1 }, (_, index) => {
    const at = (endMs * index) / GRID_LINES;
    return `<text x="${x(at).toFixed(1)}" y="${PLOT_HEIGHT - 6}" class="x">${timeLabel(at, endMs)}</text>`;
  });
  const lines = curves.map(({ points }, index) => {
    const path = thinned(points, PLOT_POINTS_MAX).map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline points="${path.join(' ')}" stroke="${colourOf(index)}" class="curve"/>`;
  });
  const half = `<rect x="${x(endMs / 2).toFixed(1)}" y="${TOP}" width="${(x(endMs) - x(endMs / 2)).toFixed(1)}" height="${PLOT_HEIGHT - BOTTOM - TOP}" class="half"/>`;
  const legend = curves.map(({ name }, index) => `<span style="color:${colourOf(index)}">&#9632;</span> ${name}`).join(' &nbsp; ');
  const svg = `<svg viewBox="0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}" role="img" aria-label="${title}">${half}${grid.join('')}${times.join('')}${lines.join('')}</svg>`;
  return `<figure><figcaption><b>${title}</b>, ${unit} &nbsp; ${legend}</figcaption>${svg}</figure>`;
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? 'black';
}

/** The next of 1, 2, 4, 5 and 10 times a power of ten. */
function niceTop(max: number): number {
  if (max <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(max));
  return ([1, 2, 4, 5].find((step) => step * power >= max) ?? 10) * power;
}

function label(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(2);
}

function timeLabel(at: number, endMs: number): string {
  if (endMs >= 2 * HOUR_MS) return `${(at / HOUR_MS).toFixed(1)} h`;
  return endMs >= 4 * MINUTE_MS ? `${(at / MINUTE_MS).toFixed(0)} min` : `${(at / 1_000).toFixed(0)} s`;
}
