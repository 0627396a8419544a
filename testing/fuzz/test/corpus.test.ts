import t from 'tap';

import { CORPUS_BYTES_KEPT_MAX, CORPUS_INPUTS_KEPT_MAX } from '../src/bounds.ts';
import { Folder, readInputs } from '../src/engine/input-files.ts';
import { runInput } from '../src/engine/runner.ts';
import { TARGETS } from '../src/targets.ts';

/** Inputs of the corpus that are also shown to another program: each starts a process. */
const COMPARED_ONE_IN = 8;

for (const [name, open] of Object.entries(TARGETS)) {
  await t.test(`${name}: all inputs of seeds, corpus and crashes are dealt with rightly`, async (t) => {
    const target = await open();
    t.teardown(() => target.close?.());
    if (target.compareSkipped !== undefined) t.comment(target.compareSkipped);
    const corpus = readInputs(Folder.CORPUS, name);
    const crashes = readInputs(Folder.CRASHES, name);
    let taken = 0;
    for (const input of [...target.seeds, ...corpus, ...crashes]) {
      const outcome = runInput(target, input);
      if (outcome.finding !== undefined) t.fail(`${outcome.finding.oracle}: ${outcome.finding.message}`, { input: Buffer.from(input).toString('hex') });
      if (outcome.taken) taken += 1;
    }
    t.ok(taken > 0, 'some are taken');
    t.ok(corpus.length <= CORPUS_INPUTS_KEPT_MAX && corpus.reduce((sum, { length }) => sum + length, 0) <= CORPUS_BYTES_KEPT_MAX, 'a corpus of modest size');
    if (target.compare !== undefined && target.compareSkipped === undefined) {
      const shown = [...corpus.filter((_, nth) => nth % COMPARED_ONE_IN === 0), ...crashes];
      for (const input of shown) await target.compare(input);
    }
  });
}
