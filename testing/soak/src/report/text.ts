import type { Evidence } from '../judge/evidence.ts';
import { count } from '../judge/finding.ts';
import type { Finding } from '../judge/finding.ts';
import { holds } from '../judge/judge.ts';
import { sumsOf } from '../judge/requests.ts';
import { KINDS } from '../profile.ts';
import { clock } from './progress-line.ts';

const MARKS = { holds: 'ok  ', fails: 'FAIL', unjudged: '-   ' };

/** The report as lines of text. */
export function reportAsText(evidence: Evidence, findings: readonly Finding[]): string {
  return [titleOf(evidence, findings), '', ...findings.map(lineOf), '', ...[...loadLines(evidence), ...detailsOf(evidence)].map((line) => `  ${line}`), ''].join('\n');
}

/** One sentence: what ran, for how long, and whether it holds. */
export function titleOf({ profile, seconds, plannedSeconds, seed }: Evidence, findings: readonly Finding[]): string {
  const failed = findings.filter(({ verdict }) => verdict === 'fails').length;
  const early = seconds < plannedSeconds * 0.99 ? `, ended early of ${clock(plannedSeconds * 1_000)}` : '';
  const verdict = holds(findings) ? 'everything holds' : `${failed} of ${findings.length} do not hold`;
  return `Soak '${profile.name}', ${clock(seconds * 1_000)}${early}, seed ${seed}: ${verdict}`;
}

/** What happened that a figure does not say. */
export function detailsOf({ load, attacks, chores, nodes }: Evidence): readonly string[] {
  const made = Object.entries(attacks.made).map(([name, times]) => `${name} ${times}`);
  return [
    ...(made.length > 0 ? [`attacks: ${made.join(', ')}; ${attacks.absent} met a node that was being restarted`] : []),
    ...load.notes,
    ...attacks.notes.map((note) => `attack: ${note}`),
    ...chores.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`)),
    ...nodes.flatMap(({ name, errors, leftOver }) => [
      ...errors.slice(0, 20).map((error) => `${name}: ${error}`),
      ...leftOver.slice(0, 20).map((target) => `${name}: left open: ${target}`),
    ]),
  ];
}

function lineOf({ name, seen, bound, verdict }: Finding): string {
  return `${MARKS[verdict]} ${name}: ${seen} (${bound})`;
}

/** What became of the requests, by kind. */
export function loadLines({ load }: Evidence): readonly string[] {
  return [
    ...KINDS.filter((kind) => load.kinds[kind].asked > 0).map((kind) => {
      const { asked, admitted, refused, failed, wrong } = sumsOf(load.kinds[kind]);
      const reasons = Object.entries({ ...load.kinds[kind].failed, ...load.kinds[kind].refused }).map(([reason, times]) => `${reason} ${times}`);
      const words = reasons.length === 0 ? '' : ` (${reasons.join(', ')})`;
      return `${kind}: ${count(asked)} asked, ${count(admitted)} admitted, ${count(refused)} refused, ${count(failed)} failed, ${count(wrong)} wrong${words}; slowest ${(load.kinds[kind].slowestMs / 1_000).toFixed(1)} s`;
    }),
    ...(load.skipped > 0 ? [`${count(load.skipped)} were due and not sent, since too much was under way`] : []),
  ];
}
