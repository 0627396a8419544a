import { styleText } from 'node:util';
import type { Outcome } from '../case.ts';
import { SECTION_TITLES } from '../sections.ts';

type Colour = 'green' | 'red' | 'yellow' | 'bold';

/** How outcomes are shown. */
export interface TextOptions {
  readonly colour: boolean;
  /** Frames of every case, not only of those that failed. */
  readonly verbose: boolean;
}

/** Writes outcomes as a tree of sections, while they come, and says it all again at the end for those that failed. */
export class TextReport {
  readonly #options: TextOptions;
  readonly #write: (text: string) => void;
  #section: readonly string[] = [];

  constructor(options: TextOptions, write: (text: string) => void) {
    this.#options = options;
    this.#write = write;
  }

  outcome(outcome: Outcome): void {
    this.#heading(outcome.section);
    const indent = '  '.repeat(outcome.section.split('.').length);
    const number = outcome.id.slice(outcome.id.indexOf('/') + 1);
    this.#line(`${indent}${this.#mark(outcome)} ${number}: ${outcome.title}`);
    if (outcome.verdict === 'skipped') this.#line(`${indent}  skipped: ${outcome.message ?? ''}`);
    if (outcome.verdict === 'failed') this.#why(outcome, `${indent}    `);
    if (this.#options.verbose) for (const line of outcome.trace) this.#line(`${indent}    ${line}`);
  }

  /** The closing lines. */
  summary(outcomes: readonly Outcome[], durationMs: number): void {
    const count = (verdict: Outcome['verdict']) => outcomes.filter((outcome) => outcome.verdict === verdict).length;
    const failures = outcomes.filter(({ verdict }) => verdict === 'failed');
    if (failures.length > 0) this.#line(`\n${this.#paint('red', 'Failures:')}`);
    for (const failure of failures) {
      this.#line(`\n  ${failure.id} ${titleOf(failure.section)}: ${failure.title}`);
      this.#why(failure, '    ');
      if (!this.#options.verbose) for (const line of failure.trace) this.#line(`    ${line}`);
    }
    const colour = failures.length > 0 ? 'red' : 'green';
    const counts = `${outcomes.length} cases, ${count('passed')} passed, ${count('skipped')} skipped, ${failures.length} failed`;
    this.#line(`\n${this.#paint(colour, counts)} in ${(durationMs / 1_000).toFixed(1)} s`);
  }

  #why({ expected, actual, message, rule, section }: Outcome, indent: string): void {
    if (expected !== undefined) this.#line(`${indent}expected: ${expected}`);
    if (actual !== undefined) this.#line(`${indent}  actual: ${actual}`);
    if (message !== undefined) this.#line(`${indent}  error: ${message}`);
    this.#line(`${indent}  see §${rule ?? section} of specs/oap-1.md`);
  }

  /** Headings of the sections that begin here. */
  #heading(section: string): void {
    const levels = section.split('.').map((_, level, parts) => parts.slice(0, level + 1).join('.'));
    for (const [level, name] of levels.entries()) {
      if (this.#section[level] === name) continue;
      if (level === 0) this.#line('');
      this.#line(`${'  '.repeat(level)}${this.#paint('bold', `${name}. ${titleOf(name)}`)}`);
    }
    this.#section = levels;
  }

  #mark({ verdict }: Outcome): string {
    if (verdict === 'passed') return this.#paint('green', '✓');
    return verdict === 'failed' ? this.#paint('red', '✗') : this.#paint('yellow', '-');
  }

  #line(text: string): void {
    this.#write(`${text}\n`);
  }

  #paint(colour: Colour, text: string): string {
    return this.#options.colour ? styleText(colour, text) : text;
  }
}

function titleOf(section: string): string {
  return SECTION_TITLES[section] ?? '';
}
