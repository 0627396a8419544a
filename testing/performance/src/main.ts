import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { queuePeers } from './peers/queue-peers.ts';
import type { ScenarioReport } from './report.ts';
import { reportJson, reportText } from './report.ts';
import { scenarios, scenariosNamed } from './scenarios/all.ts';
import type { Run } from './scenarios/plan.ts';

const PEERS = queuePeers.map(({ kind }) => kind).join(', ');

const HELP = `Usage: npm run bench -- [scenario...] [options]

Measures an Omnigate node in a process of its own. Without a scenario all run;
the beginning of a name, such as 'mailbox', stands for all that begin with it.

Scenarios:
${scenarios.map(({ name, summary }) => `  ${name.padEnd(13)} ${summary}`).join('\n')}

Options:
  --check        exit with 1 when a bound is missed
  --json         JSON on stdout, every value of every round (use \`npm run --silent bench\`)
  --rounds N     rounds of the interleaved measurements
  --peers LIST   queues that the mailbox is compared with, of ${PEERS}; or 'none'
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
      peers: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const chosen = positionals.length === 0 ? scenarios : positionals.flatMap(scenariosNamed);
  const run: Run = {
    scale: 1,
    ...(values.rounds === undefined ? {} : { rounds: roundsOf(values.rounds) }),
    ...(values.peers === undefined ? {} : { peers: peersOf(values.peers) }),
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

function peersOf(text: string): readonly string[] {
  const kinds = text === 'none' ? [] : text.split(',');
  const unknown = kinds.find((kind) => !queuePeers.some((peer) => peer.kind === kind));
  if (unknown !== undefined) throw new RangeError(`--peers takes ${PEERS}, separated by commas, or none, not '${unknown}'`);
  return kinds;
}

/** What absolute figures depend on. */
function machine(): Record<string, unknown> {
  const cores = cpus();
  return { node: process.version, platform: process.platform, cores: cores.length, cpu: cores[0]?.model, memoryBytes: totalmem() };
}
