import { request } from './frames.ts';
import { until } from './patience.ts';
import { Neighbour } from './neighbour.ts';
import type { NeighbourKind } from './neighbour.ts';
import { ROWS } from './rows.ts';
import type { Row } from './rows.ts';
import type { Scale } from './scale.ts';
import type { Target } from './target.ts';
import { Trial } from './trial.ts';

/** How one row is played. */
export interface Attack {
  readonly row: number;
  play(trial: Trial): Promise<void>;
}

/** One node process, and the rows that are played on it. */
export interface Scene {
  readonly name: string;
  start(scale: Scale): Promise<Target>;
  /** One after the other; those of a group at once, because most of their time is waiting. */
  readonly attacks: readonly (Attack | readonly Attack[])[];
  /** Echo when absent. */
  readonly neighbour?: NeighbourKind;
  /** The node ends during the last row, which checks that itself. */
  readonly ends?: true;
}

/** What became of one row. */
export interface Verdict {
  readonly row: Row;
  /** Answers that were seen, in the order of what was expected. */
  readonly seen: readonly string[];
  /** Further observations for the reader. */
  readonly facts: readonly string[];
  /** Empty when the row holds. */
  readonly complaints: readonly string[];
}

/** Plays the rows of a scene, or those of them that are `wanted`. */
export async function* playScene(scene: Scene, scale: Scale, wanted: (row: number) => boolean): AsyncGenerator<Verdict> {
  const groups = scene.attacks.map((entry) => [entry].flat().filter(({ row }) => wanted(row))).filter(({ length }) => length > 0);
  if (groups.length === 0) return;
  await using target = await scene.start(scale);
  // The first refusal opens the audit log, which stays open.
  const warming = new Trial(target, scale);
  const peer = await warming.greeted();
  peer.send(request(1, '', { capability: new Uint8Array(4) }));
  await peer.take(1);
  warming.dropAll();
  for (const group of groups) {
    yield* await playGroup(scene, target, scale, group).catch((error: unknown) => group.map(({ row }) => unplayed(row, error)));
  }
}

/** Plays a group, and looks at the node before and after. */
async function playGroup(scene: Scene, target: Target, scale: Scale, group: readonly Attack[]): Promise<Verdict[]> {
  const neighbour = await Neighbour.move(target.oap, scene.neighbour ?? 'echo');
  await neighbour.served();
  const countsBefore = await target.rejected();
  const descriptorsBefore = await settledDescriptors(target);
  // Whoever goes on asking would have the node wait for them.
  if (scene.ends === true) await neighbour.leave();
  const trials = await Promise.all(
    group.map(async (attack) => {
      const trial = new Trial(target, scale);
      await attack.play(trial).catch((error: unknown) => trial.complaints.push(messageOf(error)));
      return trial;
    }),
  );
  const common: string[] = [];
  const check = async (looking: Promise<unknown>): Promise<void> => {
    await looking.catch((error: unknown) => common.push(messageOf(error)));
  };
  if (scene.ends !== true) {
    await neighbour.served();
    common.push(...neighbour.complaints);
    if (!target.alive) common.push('the process is gone');
    else {
      // What the node ended must be gone although its peer holds on.
      await check(until('descriptors back to where they were', () => target.descriptors <= descriptorsBefore));
      await check(sameCounts(target, countsBefore, trials));
    }
  }
  for (const trial of trials) trial.dropAll();
  await neighbour.leave();
  return group.map((attack, n) => verdictOf(attack.row, trials[n] as Trial, common));
}

/** Descriptors once those of earlier rows are closed. */
async function settledDescriptors(target: Target): Promise<number> {
  let last = -1;
  return until('a steady number of descriptors', () => {
    const now = target.descriptors;
    const steady = now === last;
    last = now;
    return steady && now;
  });
}

/** Fails unless `rejected_total` grew by what was seen, and by nothing else. */
async function sameCounts(target: Target, before: ReadonlyMap<string, number>, trials: readonly Trial[]): Promise<void> {
  const expected = new Map<string, number | undefined>();
  for (const { counts } of trials) {
    for (const [reason, count] of counts) {
      const sum = expected.has(reason) ? expected.get(reason) : 0;
      expected.set(reason, count === undefined || sum === undefined ? undefined : sum + count);
    }
  }
  let wrong = '';
  const right = async (): Promise<boolean> => {
    const now = await target.rejected();
    const reasons = new Set([...now.keys(), ...expected.keys()]);
    const grown = (reason: string): number => (now.get(reason) ?? 0) - (before.get(reason) ?? 0);
    wrong = [...reasons]
      .filter((reason) => (expected.has(reason) ? expected.get(reason) !== undefined && expected.get(reason) !== grown(reason) : grown(reason) !== 0))
      .map((reason) => `rejected_total{reason="${reason}"} grew by ${grown(reason)} and not by ${expected.get(reason) ?? 0}`)
      .join('; ');
    return wrong === '';
  };
  await until('the right counts', right, COUNTS_WITHIN_MS).catch(() => {
    throw new Error(wrong);
  });
}

/** The node counts a refusal at once, but some peers hear of theirs a little earlier. */
const COUNTS_WITHIN_MS = 5_000;

function verdictOf(number: number, trial: Trial, common: readonly string[]): Verdict {
  const row = rowOf(number);
  const { seen, facts } = trial;
  const complaints = [...trial.complaints, ...common];
  for (const answer of row.expected) if (!seen.has(answer)) complaints.push(`not seen: ${answer}`);
  const allowed = new Set([...row.expected, ...(row.possible ?? [])]);
  for (const answer of seen.keys()) if (!allowed.has(answer)) complaints.push(`not expected: ${answer}`);
  const order = [...row.expected, ...(row.possible ?? [])];
  const sorted = [...seen].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
  return { row, seen: sorted.map(([answer, times]) => (times === 1 ? answer : `${answer} (${times})`)), facts, complaints };
}

/** For a row that could not be looked at at all. */
function unplayed(number: number, error: unknown): Verdict {
  return { row: rowOf(number), seen: [], facts: [], complaints: [messageOf(error)] };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function rowOf(number: number): Row {
  const row = ROWS.find((candidate) => candidate.row === number);
  if (row === undefined) throw new Error(`there is no row ${number}`);
  return row;
}
