import { parseArgs } from 'node:util';
import { ROWS } from './rows.ts';
import { SCALES } from './scale.ts';
import { attack } from './scenes.ts';
import type { Verdict } from './play.ts';
import { reportOf, rowsAsMarkdown } from './table.ts';

const HELP = `Attacks a node and says what it did.

  npm run redteam                  every row at full size, some minutes
  npm run redteam -- --quick       at the size of the tests
  npm run redteam -- 25 56 57      some rows
  npm run redteam -- --list        the list, as it stands in the README

Exit code 0 when every row holds, 1 when one does not, 2 for a wrong call.
`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, list: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.list) {
    process.stdout.write(`${rowsAsMarkdown(ROWS)}\n`);
    return 0;
  }
  const rows = new Set(positionals.map(Number));
  const unknown = [...rows].filter((row) => !ROWS.some((known) => known.row === row));
  if (unknown.length > 0) throw new RangeError(`there is no row ${positionals.join(' ')}; rows are 1 to ${ROWS.length}`);
  const verdicts: Verdict[] = [];
  for await (const verdict of attack(values.quick ? SCALES.quick : SCALES.full, (row) => rows.size === 0 || rows.has(row))) {
    verdicts.push(verdict);
    process.stderr.write(`row ${verdict.row.row}: ${verdict.complaints.length === 0 ? 'holds' : verdict.complaints.join('; ')}\n`);
  }
  verdicts.sort((a, b) => a.row.row - b.row.row);
  process.stdout.write(`${reportOf(verdicts)}\n`);
  return verdicts.every(({ complaints }) => complaints.length === 0) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
  process.exitCode = 2;
}
