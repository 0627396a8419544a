import type { Totals } from './engine/search.ts';

interface Sum {
  turns: number;
  executions: number;
  taken: number;
  compared: number;
  /** Of the last turn: each turn begins with all that was found before. */
  features: number;
  functions: number;
  /** Percent of the code of these functions that was reached. */
  code: number;
  fresh: number;
  findings: number;
}

const COLUMNS = ['turns', 'executions', 'taken', 'compared', 'functions', 'code', 'features', 'fresh', 'findings'] as const satisfies readonly (keyof Sum)[];

/** What all turns came to. */
export class Sums {
  readonly #targets = new Map<string, Sum>();

  /** Findings of all targets. */
  get findings(): number {
    return [...this.#targets.values()].reduce((sum, { findings }) => sum + findings, 0);
  }

  add(target: string, totals: Totals): void {
    const sum = this.#of(target);
    sum.turns += 1;
    for (const name of ['executions', 'taken', 'compared', 'fresh'] as const) sum[name] += totals[name];
    for (const name of ['features', 'functions'] as const) sum[name] = Math.max(sum[name], totals[name]);
    if (totals.characters > 0) sum.code = Math.max(sum.code, Math.round((100 * totals.reached) / totals.characters));
  }

  addFinding(target: string): void {
    this.#of(target).findings += 1;
  }

  /** A table, one line for each target and one for all. */
  report(): string[] {
    const rows = [...this.#targets].map(([target, sum]) => [target, ...COLUMNS.map((name) => sum[name].toLocaleString('en'))]);
    const all = COLUMNS.map((name) => name === 'code' ? '' : [...this.#targets.values()].reduce((sum, each) => sum + each[name], 0).toLocaleString('en'));
    return [['target', ...COLUMNS], ...rows, ['all', ...all]].map(([first = '', ...cells]) => first.padEnd(16) + cells.map((cell) => cell.padStart(12)).join(''));
  }

  #of(target: string): Sum {
    const known = this.#targets.get(target);
    if (known !== undefined) return known;
    const sum: Sum = { turns: 0, executions: 0, taken: 0, compared: 0, features: 0, functions: 0, code: 0, fresh: 0, findings: 0 };
    this.#targets.set(target, sum);
    return sum;
  }
}
