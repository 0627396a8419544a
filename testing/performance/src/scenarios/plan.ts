import type { ScenarioReport } from '../report.ts';

/** How a scenario is to be run. */
export interface Run {
  /** Share of the full load, 0..1; below 1 only the code path is exercised, and no figure means anything. */
  readonly scale: number;
  /** Rounds of the interleaved measurements; the scenario's own number when absent. */
  readonly rounds?: number;
  /** Kinds of other queues to compare with; all of them when absent. */
  readonly peers?: readonly string[];
  /** Options of node for the server under test, such as `--cpu-prof`. */
  readonly serverArgs: readonly string[];
}

/** One thing that is measured. */
export interface Scenario {
  readonly name: string;
  /** One line for the help text. */
  readonly summary: string;
  run(run: Run): Promise<ScenarioReport>;
}

/** `full` scaled down to the run, and at least `floor`. */
export function scaled(full: number, run: Run, floor: number): number {
  return Math.max(floor, Math.round(full * run.scale));
}
