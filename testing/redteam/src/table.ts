import type { Verdict } from './play.ts';
import type { Row } from './rows.ts';

/** The table of a run, for a terminal: row, expected, seen. */
export function reportOf(verdicts: readonly Verdict[]): string {
  const cells = verdicts.map(({ row, seen, facts, complaints }) => [
    complaints.length === 0 ? 'ok' : 'FAIL',
    String(row.row),
    row.attack,
    row.expected.join(', '),
    [seen.join(', '), ...facts, ...complaints.map((complaint) => `! ${complaint}`)].join('; '),
  ]);
  const head = ['', 'row', 'attack', 'expected', 'seen'];
  const widths = head.map((title, n) => Math.max(title.length, ...cells.map((row) => row[n]?.length ?? 0)));
  const line = (row: readonly string[]): string => row.map((cell, n) => cell.padEnd(n === 4 ? 0 : (widths[n] ?? 0))).join('  ');
  const held = verdicts.filter(({ complaints }) => complaints.length === 0).length;
  return [line(head), ...cells.map(line), `${held} of ${verdicts.length} rows hold`].join('\n');
}

/** The list of attacks as a table of the README. */
export function rowsAsMarkdown(rows: readonly Row[]): string {
  const code = (answers: readonly string[]): string => answers.map((answer) => (/^[KCXD] /.test(answer) ? `\`${answer}\`` : answer)).join(', ');
  const lines = rows.map(({ row, attack, expected, possible = [], note = '' }) => {
    const beside = possible.length === 0 ? '' : `; perhaps ${code(possible)}`;
    return `| ${row} | ${attack} | ${code(expected)}${beside} | ${note} |`;
  });
  return ['| row | attack | answer | |', '|---|---|---|---|', ...lines].join('\n');
}
