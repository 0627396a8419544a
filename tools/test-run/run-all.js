// `npm test`: builds, type-checks and lints every project, then runs every test, and closes with
// one line `N passed, N failed` over all of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { summaryFile } from './reporter.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

const projects = ['packages', 'tools', 'examples', 'testing']
  .flatMap((group) => readdirSync(root + group).map((name) => `${group}/${name}`))
  .filter((project) => existsSync(`${root}${project}/package.json`))
  .filter((project) => readJson(`${project}/package.json`).scripts?.test !== undefined);

// Counts left by an earlier run must not stand in for a package that does not get to report.
for (const project of projects) rmSync(`${root}${project}/${summaryFile}`, { force: true });

const total = { passed: 0, failed: 0, skipped: 0 };
const complaints = [];

// Two cores: lint takes as long as the other two together.
process.stdout.write('# build, typecheck and lint\n');
await Promise.all([runScript('build').then(() => runScript('typecheck')), runScript('lint')]);

// Tests go one package at a time, after everything else: they measure time on loopback, and two
// cores shared with a compiler would make them lie. tap runs the files of one package in parallel.
process.stdout.write('\n# tests\n');
const testsPassed = await succeeds('nx', ['run-many', '-t', 'test', '--parallel=1', '--nxBail=false', '--outputStyle=stream', '--excludeTaskDependencies']);
if (!testsPassed) complaints.push('FAIL tests');

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

/** Runs a script of the root, which is over everything. */
async function runScript(name) {
  const startMs = performance.now();
  const passed = await succeeds('npm', ['run', '--silent', name]);
  process.stdout.write(`# ${name}: ${passed ? 'ok' : 'FAILED'}, ${Math.round((performance.now() - startMs) / 1000)} s\n`);
  if (passed) return;
  complaints.push(`FAIL ${name}`);
  total.failed += 1;
}

/** Runs a command that is in the search path of `npm test`. */
async function succeeds(command, args) {
  const [status] = await once(spawn(command, args, { cwd: root, stdio: 'inherit' }), 'exit');
  return status === 0;
}

function readJson(path) {
  return JSON.parse(readFileSync(root + path, 'utf8'));
}
