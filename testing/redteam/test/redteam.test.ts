import { readFileSync } from 'node:fs';
import t from 'tap';
import type { Verdict } from '../src/play.ts';
import { ROWS } from '../src/rows.ts';
import { SCALES } from '../src/scale.ts';
import { attack, SCENES } from '../src/scenes.ts';
import { reportOf, rowsAsMarkdown } from '../src/table.ts';

interface Reason {
  readonly reason: string;
  readonly status: number;
}

await t.test('the list is whole, and its reasons are registered', (t) => {
  const url = new URL('../../../registry/reject_reasons.json', import.meta.url);
  const { reasons } = JSON.parse(readFileSync(url, 'utf8')) as { reasons: Reason[] };
  const played = SCENES.flatMap(({ attacks }) => attacks.flat().map(({ row }) => row));
  t.same(ROWS.map(({ row }) => row), Array.from({ length: 76 }, (_, n) => n + 1));
  t.same(played.sort((a, b) => a - b), ROWS.map(({ row }) => row), 'each row is played once');
  for (const { row, expected, possible = [] } of ROWS) {
    for (const answer of [...expected, ...possible]) {
      const [, status, reason] = /^[KCXD] (\d{3}) (\w+)$/.exec(answer) ?? [];
      if (reason === undefined) t.notMatch(answer, /^[A-Z] \d/, `row ${row}`);
      else t.equal(reasons.find((known) => known.reason === reason)?.status, Number(status), `row ${row}: ${answer}`);
    }
  }
  t.end();
});

await t.test('the README has the list', (t) => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  t.ok(readme.includes(`\n${rowsAsMarkdown(ROWS)}\n`), 'run `npm run redteam -- --list` and put its output into the README');
  t.end();
});

const verdicts: Verdict[] = [];
for await (const verdict of attack(SCALES.quick)) {
  verdicts.push(verdict);
  const { row, complaints, seen } = verdict;
  await t.test(`row ${row.row}: ${row.attack}`, (t) => {
    t.same(complaints, [], `saw ${seen.join(', ')}`);
    t.end();
  });
}
verdicts.sort((a, b) => a.row.row - b.row.row);
for (const line of reportOf(verdicts).split('\n')) t.comment(line);
