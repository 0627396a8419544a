import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CertificateAuthority, TemporaryFolder } from '@omnigate/harness';
import { GREEDY } from './attacks/attacks.ts';
import { GREEDY_UNITS_PER_SECOND } from './bounds.ts';
import type { Evidence } from './judge/evidence.ts';
import type { LoadTally } from './load/tally.ts';
import { mergeAttacks, mergeLoads } from './merge.ts';
import { Chores } from './nodes/chores.ts';
import type { Chore } from './nodes/chores.ts';
import type { Plan } from './plan.ts';
import type { Sample } from './samples/sample.ts';
import { Subject } from './subject.ts';

/** How far a run is. */
export interface Progress {
  readonly elapsedMs: number;
  readonly load: LoadTally;
  readonly nodes: readonly NodeProgress[];
}

/** A node at a sample; undefined while it is being restarted. */
export interface NodeProgress {
  readonly name: string;
  readonly sample: Sample | undefined;
}

/** Starts the nodes of a plan, puts them under load until the time is over or `stopping` is aborted, and gives what was seen. */
export async function soak(plan: Plan, stopping: AbortSignal, onProgress: (progress: Progress) => void): Promise<Evidence> {
  using folder = new TemporaryFolder();
  using authority = new CertificateAuthority();
  const quotas = folder.file('quotas.json');
  writeFileSync(quotas, JSON.stringify({ tenants: { [GREEDY]: { units: { per_second: GREEDY_UNITS_PER_SECOND, burst: GREEDY_UNITS_PER_SECOND } } } }));
  const names = plan.profile.restarts ? ['steady', 'rolling'] : ['steady'];
  const subjects: Subject[] = [];
  try {
    for (const [index, name] of names.entries()) {
      const setting = { name, folder: folder.path, authority, quotas, services: plan.services };
      subjects.push(await Subject.start(setting, burdenOf(plan, names.length, index)));
    }
    await Promise.all(subjects.map((subject) => subject.fill()));
    return await course(plan, subjects, stopping, onProgress);
  } finally {
    await Promise.all(subjects.map((subject) => subject[Symbol.asyncDispose]()));
  }
}

function burdenOf({ rate, profile, seed }: Plan, nodes: number, index: number): Parameters<typeof Subject.start>[1] {
  const perNode = rate / nodes;
  const { echo, mailbox, storage } = profile.mix;
  return {
    rates: { echo: echo * perNode, mailbox: mailbox * perNode, storage: storage * perNode },
    attacksPerSecond: profile.attackShare * perNode,
    seed: seed + index * 10,
    steady: index === 0,
  };
}

async function course(plan: Plan, subjects: readonly Subject[], stopping: AbortSignal, onProgress: (progress: Progress) => void): Promise<Evidence> {
  const beginMs = performance.now();
  const elapsedMs = (): number => performance.now() - beginMs;
  for (const subject of subjects) await subject.run();
  const chores = new Chores(plan.profile.chores ? choresOf(subjects) : [], plan.chorePauseMs);
  for (let turn = 1; !stopping.aborted; turn++) {
    // Samples keep their distance even when one takes long.
    const nextMs = Math.min(turn * plan.sampleMs, plan.durationMs);
    await sleep(Math.max(nextMs - elapsedMs(), 0), undefined, { signal: stopping }).catch(() => undefined);
    const nodes = await Promise.all(subjects.map(async (subject) => ({ name: subject.node.name, sample: await subject.sample(beginMs) })));
    onProgress({ elapsedMs: elapsedMs(), load: mergeLoads(subjects.map(({ tally }) => tally)), nodes });
    if (nextMs >= plan.durationMs) break;
  }
  const seconds = elapsedMs() / 1_000;
  await chores.stop();
  await Promise.all(subjects.map((subject) => subject.finish()));
  return {
    profile: plan.profile,
    seed: plan.seed,
    rate: plan.rate,
    seconds,
    plannedSeconds: plan.durationMs / 1_000,
    load: mergeLoads(subjects.map(({ tally }) => tally)),
    attacks: mergeAttacks(subjects.map(({ attackTally }) => attackTally)),
    chores: chores.records,
    nodes: subjects.map((subject) => subject.evidence()),
  };
}

/** What an operator does to the nodes: certificates and keys of all, restarts of one. */
function choresOf(subjects: readonly Subject[]): readonly Chore[] {
  const ofAll = (task: (subject: Subject) => Promise<void>) => async (): Promise<void> => {
    for (const subject of subjects) await task(subject);
  };
  return [
    { name: 'certificates replaced', run: ofAll(({ node }) => node.replaceCertificate()) },
    { name: 'keys rotated', run: ofAll(({ node }) => node.rotateKeys()) },
    { name: 'restarts', run: async () => subjects.at(-1)?.node.restart() },
  ];
}
