import fc from 'fast-check';
import t from 'tap';
import { bytes, FaultStore } from './bench.ts';
import { TemporaryStore } from './temporary-store.ts';
import { commands } from './model/commands.ts';
import { Model } from './model/model.ts';
import { Real } from './model/real.ts';
import type { Disk } from './model/real.ts';

/**
 * Random conversations against a model of plain maps. When one fails, fast-check
 * prints a seed, a path and a replayPath; to run that one alone:
 *
 *   MAILBOX_MODEL_SEED=... MAILBOX_MODEL_PATH=... MAILBOX_MODEL_REPLAY=... npx tap test/model.test.ts
 *
 * MAILBOX_MODEL_RUNS sets the number of runs, for a night of them.
 */
const { MAILBOX_MODEL_SEED: seed, MAILBOX_MODEL_PATH: path, MAILBOX_MODEL_REPLAY: replayPath, MAILBOX_MODEL_RUNS: runs } = process.env;
const START_MS = 1_800_000_000_000;

function conversations(makeDisk: () => Disk, defaultRuns: number): void {
  const numRuns = Number(runs ?? defaultRuns);
  const options = { maxCommands: 40, size: 'max' as const, ...(replayPath === undefined ? {} : { replayPath }) };
  fc.assert(
    fc.property(fc.commands(commands, options), (steps) => {
      fc.modelRun(() => ({ model: new Model(START_MS), real: new Real(makeDisk(), START_MS) }), steps);
    }),
    { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }), ...(path === undefined ? {} : { path }) },
  );
}

/** Memory that survives its store. */
class MemoryDisk implements Disk {
  store = new FaultStore();

  reopen(): FaultStore {
    this.store = this.store.reopened();
    return this.store;
  }

  failNext(): boolean {
    this.store.failNextCommit = 'before';
    return true;
  }
}

/** Files, which a crash in this process cannot harm: testing that takes another process. */
class FileDisk extends TemporaryStore implements Disk {
  failNext(): boolean {
    return false;
  }
}

await t.test('the mailbox does what the model does, in memory', { timeout: 0 }, (t) => {
  conversations(() => new MemoryDisk(), 1_900);
  t.pass('no counterexample');
  t.end();
});

await t.test('the mailbox does what the model does, on disk, opened again after each crash', { timeout: 0 }, (t) => {
  let last: FileDisk | undefined;
  try {
    conversations(() => {
      last?.[Symbol.dispose]();
      last = new FileDisk();
      return last;
    }, 100);
  } finally {
    last?.[Symbol.dispose]();
  }
  t.pass('no counterexample');
  t.end();
});

await t.test('the model sees what it should: a message that is lost', (t) => {
  const forgetful: Disk = { store: new FaultStore(), reopen: () => new FaultStore(), failNext: () => false };
  const real = new Real(forgetful, START_MS);
  const model = new Model(START_MS);
  model.send('a', real.call('SEND', { topic: 'a', body: bytes('x') }).body.id, { body: 'x' });
  real.crash();
  t.same(real.call('PEEK', { topic: 'a' }).body.reason, 'topic_unknown');
  t.equal(model.topics.get('a')?.messages.size, 1);
  t.end();
});
