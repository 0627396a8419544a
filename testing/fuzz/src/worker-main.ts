import { parentPort, workerData } from 'node:worker_threads';
import { startCoverage } from './engine/coverage.ts';
import { Folder, keepInput, readInputs, replaceInputs } from './engine/input-files.ts';
import { Random } from './engine/random.ts';
import { kindOf, Search } from './engine/search.ts';
import { selectInputs } from './engine/select.ts';
import { SharedState } from './shared-state.ts';
import type { TargetModule, TurnOrder, WorkerMessage } from './turn-messages.ts';

/** One turn of one target, in a thread of its own. */
const order = workerData as TurnOrder;
const shared = new SharedState(order.shared);
startCoverage();
const { TARGETS } = (await import(order.registry)) as TargetModule;
const open = TARGETS[order.target];
if (open === undefined) throw new Error(`${order.registry} has no target ${order.target}`);
const target = await open();
if (target.compareSkipped !== undefined) post({ kind: 'skipped', why: target.compareSkipped });

if (order.select) {
  const kept = selectInputs(target, [...readInputs(Folder.CORPUS, target.name), ...readInputs(Folder.FOUND, target.name)]);
  replaceInputs(Folder.CORPUS, target.name, kept);
  post({ kind: 'selected', inputs: kept.length, bytes: kept.reduce((sum, { length }) => sum + length, 0) });
  target.close?.();
} else {
  await search();
}

async function search(): Promise<void> {
  const search = new Search(
    target,
    new Random(order.seed),
    {
      runs: (input) => {
        shared.runs(input);
      },
      fresh: (input) => {
        keepInput(Folder.FOUND, target.name, input);
      },
      found: (finding, input) => {
        const file = keepInput(Folder.CRASHES, target.name, input);
        const { oracle, message, cause } = finding;
        post({ kind: 'found', file, oracle, message, about: kindOf(finding), stack: cause instanceof Error ? (cause.stack ?? '') : '' });
      },
    },
    order.known,
  );
  const given = [...target.seeds, ...readInputs(Folder.CORPUS, target.name), ...readInputs(Folder.CRASHES, target.name), ...readInputs(Folder.FOUND, target.name)];
  for (const input of given) {
    if (isOver()) break;
    await search.take(input);
    shared.publish(search.totals);
  }
  while (!isOver()) {
    await search.step();
    shared.publish(search.totals);
  }
  await search.close();
  shared.publish(search.totals);
}

function isOver(): boolean {
  return shared.stopping || Date.now() >= order.untilMs;
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}
