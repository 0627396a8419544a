import { Session } from 'node:inspector';
import type { Profiler } from 'node:inspector';
import { SIGNATURES_PER_FUNCTION_MAX } from '../bounds.ts';
import { bytesIn, intersect, signatureOf } from './ranges.ts';
import type { Range } from './ranges.ts';

/**
 * This thread's session, once it measures: for good, since V8 counts the blocks
 * of those functions only that it compiles while somebody measures.
 */
let session: Session | undefined;

/** Begins to measure; to be called before anything runs that is to be measured. */
export function startCoverage(): void {
  if (session !== undefined) return;
  session = new Session();
  session.connect();
  post(session, 'Profiler.enable');
  post(session, 'Profiler.startPreciseCoverage', { callCount: true, detailed: true });
}

function take(): readonly Profiler.ScriptCoverage[] {
  if (session === undefined) throw new Error('coverage is taken before it was started');
  return (post(session, 'Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType).result;
}

/** The session answers before `post` returns. */
function post(to: Session, method: string, parameters: object = {}): unknown {
  const outcome: { error?: Error | null; result?: unknown } = {};
  to.post(method, parameters, (error, result: unknown) => {
    Object.assign(outcome, { error, result });
  });
  if (outcome.error) throw new Error(`${method} failed`, { cause: outcome.error });
  return outcome.result;
}

/** What is known of one function. */
interface Known {
  readonly bytes: number;
  /** What no run reached. */
  unreached: readonly Range[];
  readonly signatures: Set<number>;
}

/** One function that ran, and the parts of it that did not. */
interface Ran {
  readonly key: string;
  readonly whole: Range;
  readonly unreached: readonly Range[];
}

/**
 * What runs reach, from V8's precise block coverage of this thread. A feature is
 * one function together with the blocks of it that ran and those that did not:
 * its whole signature, not each block by itself, so that a new combination of
 * branches counts as new. How often a block ran does not count.
 *
 * Asking V8 takes longer than most runs do, so that many runs may be asked about
 * at once: then only code that no run had reached counts.
 */
export class Coverage {
  readonly #covers: readonly string[];
  readonly #functions = new Map<string, Known>();
  /** What no run at all reached, by function, those included that were asked about together. */
  readonly #unreachedByAny = new Map<string, readonly Range[]>();
  #features = 0;

  /** @param covers beginnings of the URLs of modules that count */
  constructor(covers: readonly string[]) {
    this.#covers = covers;
    startCoverage();
  }

  /** Signatures of functions seen so far. */
  get features(): number {
    return this.#features;
  }

  /** Functions that ran so far. */
  get functions(): number {
    return this.#functions.size;
  }

  /** Characters of these functions, and how many of them were reached. */
  get code(): { readonly characters: number; readonly reached: number } {
    let characters = 0;
    let missed = 0;
    for (const { bytes, unreached } of this.#functions.values()) {
      characters += bytes;
      missed += bytesIn(unreached);
    }
    return { characters, reached: characters - missed };
  }

  /** Forgets what ran since the last question. */
  reset(): void {
    take();
  }

  /** The features of one run that were never seen before; notes them. */
  news(): readonly string[] {
    const fresh: string[] = [];
    for (const { key, whole, unreached } of this.#ran()) {
      let known = this.#functions.get(key);
      if (known === undefined) {
        known = { bytes: whole.end - whole.start, unreached: [whole], signatures: new Set() };
        this.#functions.set(key, known);
      }
      const signature = signatureOf(unreached);
      if (known.signatures.has(signature)) continue;
      const left = intersect(known.unreached, unreached);
      const reachesMore = bytesIn(left) < bytesIn(known.unreached);
      known.unreached = left;
      if (known.signatures.size >= SIGNATURES_PER_FUNCTION_MAX && !reachesMore) continue;
      known.signatures.add(signature);
      this.#features += 1;
      fresh.push(`${key}#${signature}`);
    }
    return fresh;
  }

  /** Whether several runs together reached code that none had reached. */
  newsOfMany(): boolean {
    let isNew = false;
    for (const { key, whole, unreached } of this.#ran()) {
      const before = this.#unreachedByAny.get(key) ?? this.#functions.get(key)?.unreached ?? [whole];
      const left = intersect(before, unreached);
      if (bytesIn(left) < bytesIn(before)) isNew = true;
      this.#unreachedByAny.set(key, left);
    }
    return isNew;
  }

  /** The features of one run, seen before or not; notes nothing. */
  all(): Set<string> {
    return new Set(this.#ran().map(({ key, unreached }) => `${key}#${signatureOf(unreached)}`));
  }

  #ran(): Ran[] {
    const ran: Ran[] = [];
    for (const { url, functions } of take()) {
      if (!this.#covers.some((prefix) => url.startsWith(prefix))) continue;
      for (const { ranges } of functions) {
        const [first] = ranges;
        // A function that was only compiled.
        if (first === undefined || first.count === 0) continue;
        const whole = { start: first.startOffset, end: first.endOffset };
        const unreached = ranges.filter(({ count }) => count === 0).map(({ startOffset, endOffset }) => ({ start: startOffset, end: endOffset }));
        ran.push({ key: `${url}:${whole.start}`, whole, unreached });
      }
    }
    return ran;
  }
}
