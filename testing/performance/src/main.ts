import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { ScenarioReport } from './report.ts';
import { reportJson, reportText } from './report.ts';
import { scenarios } from './scenarios/all.ts';
import type { Run, Scenario } from './scenarios/plan.ts';

const HELP = `Usage: npm run bench -- [scenario...] [options]

Measures an Omnigate node in a process of its own. Without a scenario all run.

Scenarios:
${scenarios.map(({ name, summary }) => `  ${name.padEnd(13)} ${summary}`).join('\n')}

Options:
  --check        exit with 1 when a bound is missed
  --json         JSON on stdout, every value of every round (use \`npm run --silent bench\`)
  --rounds N     rounds of the interleaved measurements
  --profile DIR  write a CPU profile of each server under test to DIR
  --help         this text

A ratio compares two things measured next to each other in the same run and can
be trusted on a busy machine; an absolute figure cannot.
`;

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      check: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const chosen = positionals.length === 0 ? scenarios : positionals.map(scenarioByName);
  const run: Run = {
    scale: 1,
    ...(values.rounds === undefined ? {} : { rounds: roundsOf(values.rounds) }),
    serverArgs: values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`],
  };
  const reports: ScenarioReport[] = [];
  for (const scenario of chosen) {
    const report = withProfileNote(await scenario.run(run), values.profile);
    reports.push(report);
    if (!values.json) process.stdout.write(`${reportText(report)}\n`);
  }
  const missed = reports.flatMap((report) => report.bounds).filter((bound) => !bound.holds).length;
  if (values.json) process.stdout.write(`${reportJson(reports, machine())}\n`);
  else process.stdout.write(`${missed === 0 ? 'all bounds hold' : `${missed} bounds missed`}\n`);
  return values.check && missed > 0 ? 1 : 0;
}

/** A profiled server is slower, and what it is compared with is not profiled. */
function withProfileNote(report: ScenarioReport, folder: string | undefined): ScenarioReport {
  if (folder === undefined) return report;
  return { ...report, notes: [...report.notes, `the node was profiled (${folder}): its figures are too high`] };
}

function roundsOf(text: string): number {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError(`--rounds takes a whole number from 1, not '${text}'`);
  return rounds;
}

function scenarioByName(name: string): Scenario {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (scenario === undefined) throw new RangeError(`no scenario '${name}'; there are ${scenarios.map((s) => s.name).join(', ')}`);
  return scenario;
}

/** What absolute figures depend on. */
function machine(): Record<string, unknown> {
  const cores = cpus();
  return { node: process.version, platform: process.platform, cores: cores.length, cpu: cores[0]?.model, memoryBytes: totalmem() };
}
