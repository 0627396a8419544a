import {
  CODEC_APPEND_RATIO_MAX,
  CODEC_BUFFER_RATIO_MIN,
  CODEC_DECODE_NS_MAX,
  CODEC_DECODE_RATIO_MAX,
  CODEC_HEADER_NS_MAX,
  CODEC_ROUNDS,
  CODEC_ROUND_MS,
} from './bounds.ts';
import { codecCases, Subject } from './codec-cases.ts';
import type { CodecCase } from './codec-cases.ts';
import { atLeast, atMost } from './report.ts';
import type { Figure, ScenarioReport } from './report.ts';
import { scaled } from './scenarios/plan.ts';
import type { Run, Scenario } from './scenarios/plan.ts';
import { pairRatios, spreadOf } from './statistics.ts';

/** What the codec costs per frame, without a socket. */
export const codec: Scenario = {
  name: 'codec',
  summary: 'reading headers, cutting frames, appending frames, in nanoseconds',
  run: (run) => Promise.resolve(runCodec(run)),
};

function runCodec(run: Run): ScenarioReport {
  const cases = codecCases();
  const roundMs = CODEC_ROUND_MS * Math.min(run.scale, 1);
  // The first round of all is for the optimising compiler, and four times as long.
  for (const one of cases) nanosecondsPerFrame(one, 4 * roundMs);
  const values = cases.map((): number[] => []);
  for (let left = run.rounds ?? scaled(CODEC_ROUNDS, run, 1); left > 0; left--) {
    for (const [i, one] of cases.entries()) values[i]?.push(nanosecondsPerFrame(one, roundMs));
  }
  const figures: Figure[] = cases.map(({ subject, measure }, i) => ({ subject, measure, unit: 'ns', values: values[i] ?? [] }));
  const of = (subject: string): readonly number[] => figures.find((figure) => figure.subject === subject)?.values ?? [];
  const least = (subject: string): number => spreadOf(of(subject)).min;
  const ratio = (over: string, under: string): number => spreadOf(pairRatios(of(over), of(under))).median;
  return {
    scenario: codec.name,
    figures,
    bounds: [
      atMost('a header is read within', 'ns', least(Subject.HEADER), CODEC_HEADER_NS_MAX),
      atMost('a frame whole in its chunk is cut out within', 'ns', least(Subject.DECODE), CODEC_DECODE_NS_MAX),
      atMost('the same with a cut every 64 KiB', 'ns', least(Subject.DECODE_CUT), CODEC_DECODE_NS_MAX),
      atMost('the same with a cut every 1,448 B', 'ns', least(Subject.DECODE_CUT_SHORT), CODEC_DECODE_NS_MAX),
      atLeast('Buffer methods over the codec, header', 'x', ratio(Subject.HEADER_BUFFER, Subject.HEADER), CODEC_BUFFER_RATIO_MIN),
      atMost('decoding a frame over reading its header', 'x', ratio(Subject.DECODE, Subject.HEADER), CODEC_DECODE_RATIO_MAX),
      atMost('the same with a cut every 64 KiB', 'x', ratio(Subject.DECODE_CUT, Subject.HEADER), CODEC_DECODE_RATIO_MAX),
      atMost('appending 64 B over reading a header', 'x', ratio(Subject.APPEND, Subject.HEADER), CODEC_APPEND_RATIO_MAX),
    ],
    notes: [
      'times are judged by the best round, ratios by the median of neighbouring rounds',
      `header with BigInt over the codec: ${ratio(Subject.HEADER_BIGINT, Subject.HEADER).toFixed(1)} x`,
    ],
  };
}

/** Time of one frame over as many passes as fit in `ms`, and at least one. */
function nanosecondsPerFrame(one: CodecCase, ms: number): number {
  const begin = performance.now();
  let elapsed: number;
  let passes = 0;
  do {
    one.pass();
    passes++;
    elapsed = performance.now() - begin;
  } while (elapsed < ms);
  return (elapsed * 1e6) / (passes * one.frames);
}
