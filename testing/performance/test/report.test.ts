import t from 'tap';
import { atLeast, atMost, reportJson, reportText } from '../src/report.ts';
import type { ScenarioReport } from '../src/report.ts';

const report: ScenarioReport = {
  scenario: 'sample',
  figures: [
    { subject: 'node', measure: 'rate', unit: 'requests/s', values: [1_234_567, 900, 0.012345] },
    { subject: 'a longer name', measure: 'p50', unit: 'us', values: [5] },
  ],
  bounds: [atMost('cost', 'x', 2.1, 2.2), atLeast('rate', 'x', 0.2, 0.25)],
  notes: ['read this'],
};

void t.test('a bound holds up to and including its value, and never for NaN', (t) => {
  t.equal(atMost('c', '', 2, 2).holds, true);
  t.equal(atMost('c', '', 2.01, 2).holds, false);
  t.equal(atMost('c', '', Number.NaN, 2).holds, false);
  t.equal(atLeast('c', '', 2, 2).holds, true);
  t.equal(atLeast('c', '', 1.99, 2).holds, false);
  t.equal(atLeast('c', '', Number.NaN, 2).holds, false);
  t.end();
});

void t.test('the table lines its columns up', (t) => {
  t.equal(
    reportText(report),
    [
      '== sample',
      'subject        measure  unit           min  median        max',
      'node           rate     requests/s  0.0123     900  1,234,567',
      'a longer name  p50      us               5       5          5',
      '',
      'pass  cost  2.1  at most   2.2   x',
      'FAIL  rate  0.2  at least  0.25  x',
      'note: read this',
      '',
    ].join('\n'),
  );
  t.end();
});

void t.test('the JSON holds every value and its spread', (t) => {
  const parsed: unknown = JSON.parse(reportJson([report], { cores: 2 }));
  t.match(parsed, {
    machine: { cores: 2 },
    scenarios: [
      {
        scenario: 'sample',
        figures: [{ values: [1_234_567, 900, 0.012345], min: 0.012345, median: 900, max: 1_234_567 }, { median: 5 }],
        bounds: [{ holds: true }, { holds: false, relation: 'at least', bound: 0.25 }],
      },
    ],
  });
  t.end();
});
