import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const tapCommand = fileURLToPath(new URL('run.mjs', import.meta.resolve('tap')));

/** Test files, each with what the reporter has to say about it: tests passed, tests failed. */
const subjects = {
  nested: {
    passed: 2,
    failed: 0,
    source: `await t.test('outer', async (t) => {
      t.ok(1); t.ok(2); t.comment('seed 7');
      await t.test('inner', async (t) => { t.ok(3); });
    });
    t.test('later', { skip: 'not here' }, async () => {});`,
  },
  bad: {
    passed: 1,
    failed: 2,
    source: `await t.test('good', async (t) => { t.ok(1); });
    await t.test('bad', async (t) => { t.equal('left', 'right'); t.equal(1, 2); });
    await t.test('worse', async () => { throw new Error('thrown here'); });`,
  },
  plan: {
    passed: 0,
    failed: 1,
    source: `await t.test('short', async (t) => { t.plan(2); t.ok(1); });`,
  },
  timeout: {
    passed: 0,
    failed: 1,
    source: `await t.test('slow', { timeout: 50 }, () => new Promise((done) => setTimeout(done, 500)));`,
  },
  crash: {
    passed: 1,
    failed: 1,
    source: `await t.test('good', async (t) => { t.ok(1); });
    setTimeout(() => { throw new Error('late'); }, 20);`,
  },
  killed: { passed: 0, failed: 1, source: `process.kill(process.pid, 'SIGKILL');` },
  unloadable: { passed: 0, failed: 1, source: `await import('./absent.js');` },
  empty: { passed: 0, failed: 1, source: '' },
} as const;

await t.test('every outcome of a test file is counted once', (t) => {
  const files = Object.entries(subjects).map(([name, { source }]) => [
    `${name}.test.js`,
    `import t from 'tap';\n${source}`,
  ]);
  const folder = t.testdir({
    'package.json': JSON.stringify({ type: 'module', tap: { reporter: '@omnigate/test-run' } }),
    ...(Object.fromEntries(files) as Record<string, string>),
  });
  const run = spawnSync(process.execPath, [tapCommand, '--disable-coverage', '--allow-empty-coverage'], {
    cwd: folder,
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TAP'))),
    encoding: 'utf8',
  });

  t.equal(run.status, 1);
  for (const [name, { passed, failed }] of Object.entries(subjects)) {
    const mark = failed === 0 ? 'ok  ' : 'FAIL';
    t.match(run.stdout, `${mark} ${name}.test.js: ${String(passed)} passed, ${String(failed)} failed`);
  }
  const outcomes = Object.values(subjects);
  const { failures, ...counts } = JSON.parse(readFileSync(`${folder}/.tap/summary.json`, 'utf8')) as { failures: string[] };
  t.same(counts, {
    passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    skipped: 1,
  });
  t.equal(failures.length, 9, 'each failure is kept for the end of the run');
  t.match(failures.join('\n'), /thrown here/);
  t.match(run.stdout, '# seed 7', 'a comment is shown');
  t.match(run.stdout, 'FAIL bad.test.js > bad > should be equal', 'what failed is named');
  t.match(run.stdout, '+left', 'and its difference is shown');
  t.match(run.stdout, 'thrown here');
  t.end();
});
