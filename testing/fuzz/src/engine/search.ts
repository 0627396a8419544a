import { setImmediate } from 'node:timers/promises';
import { BATCH_INPUTS, COMPARE_ONE_IN_REFUSED, COMPARE_ONE_IN_TAKEN, COMPARISONS_MAX, CORPUS_INPUTS_MAX, FINDINGS_PER_KIND_MAX, INPUT_BYTES_MAX } from '../bounds.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { asFinding, runInput } from './runner.ts';
import { shrink } from './shrink.ts';
import type { Finding, Target } from './target.ts';

/** What a search did so far. */
export interface Totals {
  /** Inputs run, those of shrinking included. */
  executions: number;
  /** Of them, inputs that were taken and not refused. */
  taken: number;
  /** Inputs that were shown to another program. */
  compared: number;
  features: number;
  functions: number;
  /** Characters of these functions, and how many of them were reached. */
  characters: number;
  reached: number;
  /** Inputs of the corpus, and how many of them this search found. */
  inputs: number;
  fresh: number;
  findings: number;
}

/** Who hears of a search. */
export interface SearchEvents {
  /** Before an input is run. */
  runs?(input: Uint8Array): void;
  /** An input reached what none had reached. */
  fresh?(input: Uint8Array): void;
  found(finding: Finding, input: Uint8Array): void;
}

/** One chance in so many for an input made by rule instead of by change, where the target has a rule. */
const GENERATED_ONE_IN = 4;
/** Newer inputs are changed more often: one in so many choices is among the last of them. */
const RECENT_ONE_IN = 2;
const RECENT_INPUTS = 32;

/** A coverage-guided search for inputs that a target deals with wrongly: the same one for the same seed and corpus. */
export class Search {
  readonly totals: Totals = { executions: 0, taken: 0, compared: 0, features: 0, functions: 0, characters: 0, reached: 0, inputs: 0, fresh: 0, findings: 0 };
  readonly #target: Target;
  readonly #random: Random;
  readonly #events: SearchEvents;
  readonly #coverage: Coverage;
  readonly #corpus: Uint8Array[] = [];
  /** Findings of each kind. */
  readonly #kinds: Map<string, number>;
  /** Other programs that have not answered yet. */
  readonly #comparisons = new Set<Promise<unknown>>();
  readonly #bytesMax: number;

  /** @param known kinds of findings that were reported before, see `kindOf` */
  constructor(target: Target, random: Random, events: SearchEvents, known: readonly string[] = []) {
    this.#target = target;
    this.#random = random;
    this.#events = events;
    this.#bytesMax = target.bytesMax ?? INPUT_BYTES_MAX;
    this.#kinds = new Map(known.map((kind) => [kind, FINDINGS_PER_KIND_MAX]));
    this.#coverage = new Coverage(target.covers);
  }

  /** Runs an input that is there already; those that reach something are the corpus. @returns whether this one does */
  async take(input: Uint8Array): Promise<boolean> {
    this.#coverage.reset();
    const ok = await this.#execute(input);
    const news = this.#coverage.news();
    if (news.length > 0) this.#keep(input);
    if (news.length > 0 && ok) await this.#compare(input);
    return news.length > 0;
  }

  /** Makes a batch of new inputs and runs them: the first by itself, the others asked about together. */
  async step(): Promise<void> {
    await this.#explore(this.#next());
    const batch: Uint8Array[] = [];
    this.#coverage.reset();
    while (batch.length < BATCH_INPUTS) {
      const input = this.#next();
      batch.push(input);
      await this.#execute(input);
    }
    if (this.#coverage.newsOfMany()) for (const input of batch) await this.#explore(input);
    // Answers of other programs are read.
    if (this.#comparisons.size > 0) await setImmediate();
  }

  /** Waits for the other programs, and ends. */
  async close(): Promise<void> {
    await Promise.all(this.#comparisons);
    this.#target.close?.();
  }

  #next(): Uint8Array {
    const { generate, mend, dictionary } = this.#target;
    const random = this.#random;
    if (generate !== undefined && random.oneIn(GENERATED_ONE_IN)) return this.#fit(generate(random));
    const material = { dictionary, other: () => random.pick(this.#corpus), bytesMax: this.#bytesMax };
    if (this.#corpus.length === 0) this.#corpus.push(new Uint8Array(0));
    const recent = random.oneIn(RECENT_ONE_IN) ? Math.max(0, this.#corpus.length - RECENT_INPUTS) : 0;
    const parent = this.#corpus[recent + random.below(this.#corpus.length - recent)] ?? new Uint8Array(0);
    const changed = mutate(parent, random, material);
    return mend !== undefined && random.oneIn(2) ? this.#fit(mend(changed, random)) : changed;
  }

  #fit(input: Uint8Array): Uint8Array {
    return input.length > this.#bytesMax ? input.slice(0, this.#bytesMax) : input;
  }

  /** Runs an input, and keeps it when it reaches something new. */
  async #explore(input: Uint8Array): Promise<void> {
    this.#coverage.reset();
    const ok = await this.#execute(input);
    const news = this.#coverage.news();
    if (news.length === 0) return;
    const smaller = ok ? shrink(input, (candidate) => this.#reaches(candidate, news)) : input;
    this.totals.fresh += 1;
    this.#keep(smaller);
    this.#events.fresh?.(smaller);
    if (ok) await this.#compare(smaller);
  }

  /** @returns whether it was dealt with rightly */
  async #execute(input: Uint8Array): Promise<boolean> {
    this.#events.runs?.(input);
    const { taken, finding } = runInput(this.#target, input);
    this.totals.executions += 1;
    if (taken) this.totals.taken += 1;
    if (finding !== undefined) this.#report(finding, input, (candidate) => runInput(this.#target, candidate).finding);
    else if (this.#random.oneIn(taken ? COMPARE_ONE_IN_TAKEN : COMPARE_ONE_IN_REFUSED)) await this.#compare(input);
    return finding === undefined;
  }

  /** Shows an input to another program, which answers while other inputs are run. */
  async #compare(input: Uint8Array): Promise<void> {
    const { compare, compareSkipped } = this.#target;
    if (compare === undefined || compareSkipped !== undefined) return;
    this.totals.compared += 1;
    const comparison = compare(input)
      .catch((thrown: unknown) => {
        this.#report(asFinding(thrown), input, undefined);
      })
      .finally(() => this.#comparisons.delete(comparison));
    this.#comparisons.add(comparison);
    if (this.#comparisons.size >= COMPARISONS_MAX) await Promise.race(this.#comparisons);
  }

  /** @param retry what another input leads to; undefined when trying costs too much */
  #report(finding: Finding, input: Uint8Array, retry: ((candidate: Uint8Array) => Finding | undefined) | undefined): void {
    const kind = kindOf(finding);
    const before = this.#kinds.get(kind) ?? 0;
    this.#kinds.set(kind, before + 1);
    if (before >= FINDINGS_PER_KIND_MAX) return;
    this.totals.findings += 1;
    // What is slow is slow to shrink as well.
    const isSlow = finding.oracle === 'time' || finding.oracle === 'memory';
    const smaller = retry === undefined || isSlow ? input : shrink(input, (candidate) => isKind(retry(candidate), kind));
    this.#events.found(finding, smaller);
  }

  #reaches(candidate: Uint8Array, news: readonly string[]): boolean {
    this.#events.runs?.(candidate);
    this.#coverage.reset();
    const { finding } = runInput(this.#target, candidate);
    const reached = this.#coverage.all();
    this.totals.executions += 1;
    return finding === undefined && news.every((feature) => reached.has(feature));
  }

  #keep(input: Uint8Array): void {
    if (this.#corpus.length < CORPUS_INPUTS_MAX) this.#corpus.push(input);
    else this.#corpus[this.#random.below(CORPUS_INPUTS_MAX)] = input;
    this.totals.inputs = this.#corpus.length;
    this.totals.features = this.#coverage.features;
    this.totals.functions = this.#coverage.functions;
    Object.assign(this.totals, this.#coverage.code);
  }
}

/** What two findings have in common that have one cause: rule and text, without the values in it. */
export function kindOf({ oracle, message }: Pick<Finding, 'oracle' | 'message'>): string {
  return `${oracle}: ${message.replace(/[{[].*[}\]]|"(?:[^"\\]|\\.)*"/gs, 'VALUE').replace(/[0-9a-f]{8,}|\d+/g, 'N').slice(0, 120)}`;
}

function isKind(finding: Finding | undefined, kind: string): boolean {
  return finding !== undefined && kindOf(finding) === kind;
}
