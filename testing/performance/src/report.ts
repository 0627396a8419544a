import { spreadOf } from './statistics.ts';

/** One measure of one subject, a value per round. */
export interface Figure {
  /** Who was measured, such as `node, raw client`. */
  readonly subject: string;
  readonly measure: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** A figure held against the bound the project promises. */
export interface BoundCheck {
  readonly claim: string;
  readonly unit: string;
  readonly value: number;
  readonly relation: 'at most' | 'at least';
  readonly bound: number;
  readonly holds: boolean;
}

/** What one scenario found. */
export interface ScenarioReport {
  readonly scenario: string;
  readonly figures: readonly Figure[];
  readonly bounds: readonly BoundCheck[];
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[];
}

/** A check that `value` is not above `bound`; NaN never holds. */
export function atMost(claim: string, unit: string, value: number, bound: number): BoundCheck {
  return { claim, unit, value, relation: 'at most', bound, holds: value <= bound };
}

/** A check that `value` is not below `bound`; NaN never holds. */
export function atLeast(claim: string, unit: string, value: number, bound: number): BoundCheck {
  return { claim, unit, value, relation: 'at least', bound, holds: value >= bound };
}

/** The report as a table for people. */
export function reportText(report: ScenarioReport): string {
  const figures = report.figures.map(({ subject, measure, unit, values }) => {
    const { min, median, max } = spreadOf(values);
    return [subject, measure, unit, numberText(min), numberText(median), numberText(max)];
  });
  const bounds = report.bounds.map((check) =>
    [check.holds ? 'pass' : 'FAIL', check.claim, numberText(check.value), check.relation, numberText(check.bound), check.unit],
  );
  return [
    `== ${report.scenario}`,
    ...tableLines([['subject', 'measure', 'unit', 'min', 'median', 'max'], ...figures], 3),
    ...(bounds.length === 0 ? [] : ['', ...tableLines(bounds, Number.POSITIVE_INFINITY)]),
    ...report.notes.map((note) => `note: ${note}`),
    '',
  ].join('\n');
}

/** The reports as JSON: every value of every round, and the spread. */
export function reportJson(reports: readonly ScenarioReport[], machine: Readonly<Record<string, unknown>>): string {
  const scenarios = reports.map((report) => ({
    ...report,
    figures: report.figures.map((figure) => ({ ...figure, ...spreadOf(figure.values) })),
  }));
  return JSON.stringify({ machine, scenarios }, null, 2);
}

/** Columns as wide as their widest cell; numbers, from column `rightFrom` on, end at the right. */
function tableLines(rows: readonly (readonly string[])[], rightFrom: number): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column >= rightFrom ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}

/** Three significant digits, and whole numbers from 1,000 on. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}
