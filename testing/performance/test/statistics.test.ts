import t from 'tap';
import { latencySummary, pairRatios, percentileOf, spreadOf } from '../src/statistics.ts';

void t.test('spreadOf gives the middle of an odd and the mean of the two middles of an even count', (t) => {
  t.strictSame(spreadOf([9, 1, 10]), { min: 1, median: 9, max: 10 }, 'sorted as numbers, not as text');
  t.strictSame(spreadOf([4, 1, 2, 100]), { min: 1, median: 3, max: 100 });
  t.strictSame(spreadOf([7]), { min: 7, median: 7, max: 7 });
  t.strictSame(spreadOf([]), { min: Number.NaN, median: Number.NaN, max: Number.NaN });
  t.end();
});

void t.test('percentileOf takes the nearest rank', (t) => {
  const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
  t.equal(percentileOf(hundred, 0.5), 50);
  t.equal(percentileOf(hundred, 0.99), 99);
  t.equal(percentileOf(hundred, 1), 100);
  t.equal(percentileOf(hundred, 0), 1);
  t.equal(percentileOf([3], 0.99), 3);
  t.end();
});

void t.test('latencySummary sorts, and leaves its input as it was', (t) => {
  const input = [30, 10, 20];
  t.strictSame(latencySummary(input), { count: 3, p50: 20, p99: 30, max: 30 });
  t.strictSame(input, [30, 10, 20]);
  t.end();
});

void t.test('pairRatios divides round by round', (t) => {
  t.strictSame(pairRatios([2, 9], [1, 3]), [2, 3]);
  t.throws(() => pairRatios([1], []), RangeError);
  t.end();
});
