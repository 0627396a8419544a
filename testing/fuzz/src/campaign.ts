import { performance } from 'node:perf_hooks';
import { STATUS_INTERVAL_MS, TURN_MS_MAX, TURN_MS_MIN } from './bounds.ts';
import type { Totals } from './engine/search.ts';
import { Sums } from './sums.ts';
import { REGISTRY, Turn } from './turn.ts';
import type { FoundMessage } from './turn-messages.ts';

/** Gives every turn a seed of its own. */
const SEED_STEP = 0x9e37_79b9;

/** Targets that take turns until the time is over. */
export class Campaign {
  readonly #targets: readonly string[];
  readonly #seed: number;
  readonly #print: (line: string) => void;
  readonly #registry: string;
  readonly #sums = new Sums();
  readonly #known = new Map<string, string[]>();
  readonly #skipped = new Set<string>();
  #turn: Turn | undefined;
  #stopping = false;

  /** @param registry URL of the module that has the targets */
  constructor(targets: readonly string[], seed: number, print: (line: string) => void, registry = REGISTRY) {
    this.#registry = registry;
    this.#targets = targets;
    this.#seed = seed;
    this.#print = print;
  }

  /** @returns how much was found */
  async run(minutes: number): Promise<number> {
    const startMs = performance.now();
    const untilMs = Date.now() + minutes * 60_000;
    this.#print(`seed ${this.#seed}, ${minutes} minutes, targets ${this.#targets.join(', ')}`);
    const share = (minutes * 60_000) / this.#targets.length;
    const turnMs = Math.max(TURN_MS_MIN, Math.min(share, TURN_MS_MAX));
    for (let nth = 0; !this.#isOver(untilMs); nth++) {
      const target = this.#targets[nth % this.#targets.length] as string;
      const seed = (this.#seed + nth * SEED_STEP) >>> 0;
      await this.#runTurn(target, seed, Math.min(untilMs, Date.now() + turnMs), startMs);
    }
    for (const line of this.#sums.report()) this.#print(line);
    return this.#sums.findings;
  }

  /** Chooses the inputs that the repository keeps. */
  async select(): Promise<void> {
    for (const target of this.#targets) {
      if (this.#stopping) return;
      const order = { registry: this.#registry, target, seed: 0, untilMs: 0, known: [], select: true };
      this.#turn = new Turn(order, {
        found: () => undefined,
        skipped: () => undefined,
        selected: (inputs, bytes) => {
          this.#print(`${target}: ${inputs} inputs of ${bytes} bytes`);
        },
      });
      await this.#turn.ended;
    }
  }

  /** Ends the turn that runs, and begins no other. */
  stop(): void {
    this.#stopping = true;
    this.#turn?.stop();
  }

  #isOver(untilMs: number): boolean {
    return this.#stopping || Date.now() >= untilMs;
  }

  async #runTurn(target: string, seed: number, untilMs: number, startMs: number): Promise<void> {
    const turnStartMs = performance.now();
    const turn = new Turn({ registry: this.#registry, target, seed, untilMs, known: this.#known.get(target) ?? [], select: false }, {
      found: (found) => {
        this.#onFound(target, found);
      },
      skipped: (why) => {
        if (!this.#skipped.has(why)) this.#print(`SKIP ${target}: ${why}`);
        this.#skipped.add(why);
      },
    });
    this.#turn = turn;
    const timer = setInterval(() => {
      this.#print(statusLine(target, turn.totals, performance.now() - startMs, performance.now() - turnStartMs));
    }, STATUS_INTERVAL_MS);
    try {
      await turn.ended;
    } finally {
      clearInterval(timer);
      this.#print(statusLine(target, turn.totals, performance.now() - startMs, performance.now() - turnStartMs));
      this.#sums.add(target, turn.totals);
    }
  }

  #onFound(target: string, { file, oracle, message, about, stack }: FoundMessage): void {
    this.#known.set(target, [...(this.#known.get(target) ?? []), about]);
    this.#sums.addFinding(target);
    this.#print(`FOUND ${target}: ${oracle}: ${message}`);
    if (stack !== '') this.#print(stack.split('\n').slice(0, 6).join('\n'));
    this.#print(`      npm run fuzz -- --target ${target} --replay ${file}`);
  }
}

function statusLine(target: string, totals: Totals, elapsedMs: number, turnMs: number): string {
  const { executions, taken, features, characters, reached, fresh, inputs, findings } = totals;
  const perSecond = Math.round(executions / (turnMs / 1_000));
  return `${clock(elapsedMs)} ${target.padEnd(15)} runs ${count(executions)} (${count(perSecond)}/s, ${percent(taken, executions)} % taken)  code ${percent(reached, characters)} %  features ${count(features)}  new ${fresh}  corpus ${count(inputs)}  findings ${findings}`;
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((100 * part) / whole);
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}
