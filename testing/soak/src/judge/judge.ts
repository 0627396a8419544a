import { ATTACK_SHARE_MIN, AVAILABILITY_MIN, OFFERED_SHARE_MIN, REFUSED_SHARE_MAX } from '../bounds.ts';
import { KINDS } from '../profile.ts';
import type { Evidence } from './evidence.ts';
import { count, finding, percent } from './finding.ts';
import type { Finding } from './finding.ts';
import { judgeNode } from './judge-node.ts';
import { availabilityOf, sumsOf, sumsOfAll } from './requests.ts';

/** Everything that must hold, in the order of the report. */
export function judge(evidence: Evidence): readonly Finding[] {
  return [...judgeLoad(evidence), ...judgeAttacks(evidence), ...judgeChores(evidence), ...evidence.nodes.flatMap((node) => judgeNode(node))];
}

/** Whether a run holds; what could not be judged does not speak against it. */
export function holds(findings: readonly Finding[]): boolean {
  return findings.every(({ verdict }) => verdict !== 'fails');
}

function judgeLoad({ load, rate, seconds, profile }: Evidence): readonly Finding[] {
  const all = sumsOfAll(load);
  const available = availabilityOf(all);
  const refusedShare = all.refused / Math.max(all.asked, 1);
  const offeredShare = all.asked / Math.max(rate * seconds, 1);
  const idle = KINDS.filter((kind) => profile.mix[kind] > 0 && sumsOf(load.kinds[kind]).admitted === 0);
  return [
    finding(
      'availability',
      available >= AVAILABILITY_MIN,
      `${percent(available)}: ${count(all.failed + all.wrong)} of ${count(all.admitted)} admitted requests failed`,
      `at least ${percent(AVAILABILITY_MIN, 2)}`,
    ),
    finding('broken promises', all.wrong === 0, count(all.wrong), 'none'),
    finding('refused for good', refusedShare <= REFUSED_SHARE_MAX, `${percent(refusedShare)}: ${count(all.refused)} of ${count(all.asked)} requests`, `at most ${percent(REFUSED_SHARE_MAX, 0)}`),
    finding('load offered', offeredShare >= OFFERED_SHARE_MIN, `${percent(offeredShare, 0)} of ${count(rate)} requests a second`, `at least ${percent(OFFERED_SHARE_MIN, 0)}`),
    finding('kinds of load', idle.length === 0, idle.length === 0 ? 'all answered' : `nothing of ${idle.join(', ')}`, 'all answered'),
    ...(profile.mix.mailbox > 0 ? [judgeScans(load)] : []),
  ];
}

/** specs/mailbox-1.md §2, rule 10. */
function judgeScans({ scans: { made, messages, different } }: Evidence['load']): Finding {
  return finding('counters of the mailbox', made > 0 && different === 0, `${count(made)} full scans found ${count(messages)} messages, ${count(different)} differences`, 'equal a full scan');
}

function judgeAttacks({ profile, attacks, load }: Evidence): readonly Finding[] {
  if (profile.attackShare === 0) return [];
  const share = attacks.messages / Math.max(attacks.messages + sumsOfAll(load).asked, 1);
  return [
    finding('attack traffic', share >= ATTACK_SHARE_MIN, `${percent(share, 2)}: ${count(attacks.messages)} messages`, `at least ${percent(ATTACK_SHARE_MIN, 1)}`),
    finding('unexpected reactions to attacks', attacks.unexpected === 0, count(attacks.unexpected), 'none'),
  ];
}

function judgeChores({ chores }: Evidence): readonly Finding[] {
  return chores.map(({ name, done, failures, slowestMs }) =>
    finding(name, done > 0 && failures.length === 0, `${count(done)} done, ${count(failures.length)} failed, slowest ${(slowestMs / 1_000).toFixed(1)} s`, 'at least one, none failed'),
  );
}
