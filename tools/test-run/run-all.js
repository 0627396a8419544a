// `npm test`: builds, type-checks and lints every project, then runs every test, and closes with
// one line `N passed, N failed` over all of them.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { summaryFile } from './reporter.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const nx = fileURLToPath(import.meta.resolve('nx/bin/nx.js'));

const projects = ['packages', 'tools', 'examples', 'testing']
  .flatMap((group) => readdirSync(root + group).map((name) => `${group}/${name}`))
  .filter((project) => existsSync(`${root}${project}/package.json`))
  .filter((project) => readJson(`${project}/package.json`).scripts?.test !== undefined);

// Counts left by an earlier run must not stand in for a package that does not get to report.
for (const project of projects) rmSync(`${root}${project}/${summaryFile}`, { force: true });

const total = { passed: 0, failed: 0, skipped: 0 };
const complaints = [];

// Tests go one package at a time, after everything else: they measure time on loopback, and two
// cores shared with a compiler would make them lie. tap runs the files of one package in parallel.
runPhase('build, typecheck and lint', ['-t', 'build', 'typecheck', 'lint', '--parallel=2']);
const testsPassed = runPhase('tests', ['-t', 'test', '--parallel=1']);

for (const project of projects) {
  if (existsSync(`${root}${project}/${summaryFile}`)) {
    const counts = readJson(`${project}/${summaryFile}`);
    for (const key of Object.keys(total)) total[key] += counts[key];
    // Again, where whoever sees only the end of a long run finds it.
    complaints.push(...counts.failures.map((text) => `${project}: ${text}`));
  } else {
    total.failed += 1;
    complaints.push(`FAIL ${project}: it reported no result`);
  }
}
if (!testsPassed && total.failed === 0) total.failed += 1;

if (complaints.length > 0) process.stdout.write(`\n# What failed\n${complaints.join('\n')}\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

function runPhase(name, args) {
  process.stdout.write(`\n# ${name}\n`);
  const { status } = spawnSync(
    process.execPath,
    [nx, 'run-many', ...args, '--nxBail=false', '--outputStyle=stream'],
    { cwd: root, stdio: 'inherit' },
  );
  if (status === 0) return true;
  complaints.push(`FAIL ${name}`);
  if (name !== 'tests') total.failed += 1;
  return false;
}

function readJson(path) {
  return JSON.parse(readFileSync(root + path, 'utf8'));
}
