import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Transform } from 'node:stream';
import { inspect } from 'node:util';

import { Parser } from 'tap-parser';

/** Where one package's counts are left for `run-all.js`, relative to the package. */
export const summaryFile = '.tap/summary.json';

/** Long diffs say less than their beginning. */
const diagnosticCharactersMax = 8_192;

/** Failures that are repeated at the end of the whole run: the first ones say enough. */
const failuresMax = 20;

/** What tap says about its own child process and what the file and line already tell. */
const unhelpful = new Set(['args', 'command', 'cwd', 'externalID', 'jobId', 'source', 'stdio']);

/**
 * The tap reporter of this repository: one line per test file, the diagnostics of what failed,
 * comments (measurements, property-test seeds), and the counts in `.tap/summary.json`.
 *
 * A test is a block that makes assertions of its own, not an assertion: a property checked a
 * thousand times counts once. A block that fails although everything in it passed (a plan not
 * met, a timeout, a crash) counts as one more failure.
 */
export default class Reporter extends Transform {
  #parser = new Parser();
  #counts = { passed: 0, failed: 0, skipped: 0 };
  /** What was printed of each failure, for the end of a run over many packages. */
  #failures = [];
  #started = performance.now();

  constructor() {
    super({ encoding: 'utf8' });
    this.#parser.on('child', (file) => {
      this.#readFile(file);
    });
    this.#parser.on('extra', (text) => {
      this.#print(text.trimEnd());
    });
    this.#parser.on('bailout', (reason) => {
      this.#counts.failed += 1;
      this.#fail(`BAILED OUT ${reason}`);
    });
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk);
    done();
  }

  _flush(done) {
    this.#parser.end();
    const { passed, failed, skipped } = this.#counts;
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    this.#print(`${passed} tests passed, ${failed} failed, ${skipped} skipped in ${seconds} s`);
    mkdirSync(resolve('.tap'), { recursive: true });
    writeFileSync(resolve(summaryFile), `${JSON.stringify({ ...this.#counts, failures: this.#failures })}\n`);
    done();
  }

  #readFile(file) {
    const counts = this.#readBlock(file, file.name);
    // The closing point of a file carries its exit code and signal: a crash shows only there.
    const atClosing = (point) => {
      if (!point.closingTestPoint || point.name !== file.name) return;
      this.#parser.off('assert', atClosing);
      if (!point.ok && counts.failed === 0) {
        counts.failed += 1;
        this.#printFailure(file.name, point);
      } else if (counts.passed + counts.failed + counts.skipped === 0) {
        counts.failed += 1;
        this.#fail(`FAIL ${file.name}: it has no test`);
      }
      for (const key of Object.keys(counts)) this.#counts[key] += counts[key];
      const mark = counts.failed === 0 ? 'ok  ' : 'FAIL';
      const milliseconds = Math.round(point.time ?? 0);
      const { passed, failed } = counts;
      this.#print(`${mark} ${file.name}: ${passed} passed, ${failed} failed, ${milliseconds} ms`);
    };
    this.#parser.on('assert', atClosing);
  }

  /** Counts the tests of a block into the returned object, which is complete with the block. */
  #readBlock(block, path) {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const children = [];
    const names = new Set();
    let ownPoints = 0;
    let ownFailed = false;
    block.on('child', (child) => {
      names.add(child.name);
      children.push(this.#readBlock(child, `${path} > ${child.name}`));
    });
    block.on('assert', (point) => {
      // The point that closes a block which timed out is not marked as one.
      if (point.closingTestPoint || names.has(point.name)) return;
      if (point.skip || point.todo) {
        counts.skipped += 1;
        const reason = [point.skip, point.todo].find((why) => typeof why === 'string');
        this.#print(`skip ${path} > ${point.name}${reason === undefined ? '' : `: ${reason}`}`);
        return;
      }
      ownPoints += 1;
      if (point.ok) return;
      ownFailed = true;
      this.#printFailure(`${path} > ${point.name}`, point);
    });
    for (const event of ['comment', 'extra']) {
      block.on(event, (text) => {
        // "# Subtest: …" and "# time=…" repeat what the structure already says.
        const line = text.trimEnd();
        if (!/^# (Subtest|time=|failed |passed )/.test(line)) this.#print(`     ${line}`);
      });
    }
    block.on('complete', (results) => {
      for (const child of children) for (const key of Object.keys(counts)) counts[key] += child[key];
      const failedHere = ownFailed || (!results.ok && counts.failed === 0);
      if (failedHere) {
        counts.failed += 1;
        if (!ownFailed) this.#fail(`FAIL ${path}: ${reasonOf(results)}`);
      } else if (ownPoints > 0) counts.passed += 1;
    });
    return counts;
  }

  #printFailure(path, point) {
    const lines = [`FAIL ${path}`];
    for (const [key, value] of Object.entries(point.diag ?? {})) {
      if (unhelpful.has(key)) continue;
      const text = typeof value === 'string' ? value : inspect(value, { depth: 6 });
      const [first, ...rest] = text.slice(0, diagnosticCharactersMax).trimEnd().split('\n');
      if (rest.length === 0) lines.push(`     ${key}: ${first}`);
      else lines.push(`     ${key}:`, ...[first, ...rest].map((line) => `       ${line}`));
    }
    this.#fail(lines.join('\n'));
  }

  #fail(text) {
    if (this.#failures.length < failuresMax) this.#failures.push(text);
    this.#print(text);
  }

  #print(line) {
    if (line) this.push(`${line}\n`);
  }
}

const reasonOf = (results) =>
  results.failures.map((failure) => failure.tapError ?? failure.name).join('; ') || 'no test ran';
