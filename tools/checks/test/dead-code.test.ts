import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';

import { root } from './repository.ts';

await t.test('no export, file or dependency without a user', (t) => {
  const knip = fileURLToPath(new URL('cli.js', import.meta.resolve('knip')));
  const run = spawnSync(process.execPath, [knip, '--no-progress', '--no-config-hints'], {
    cwd: root,
    encoding: 'utf8',
  });
  t.same(run.stdout.trimEnd().split('\n'), ['']);
  t.equal(run.stderr, '');
  t.equal(run.status, 0);
  t.end();
});
