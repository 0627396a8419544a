import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { holds, judge } from './judge/judge.ts';
import { readPlan, USAGE } from './plan.ts';
import type { Plan } from './plan.ts';
import { ProgressLine } from './report/progress-line.ts';
import { reportAsHtml } from './report/html.ts';
import { reportAsText } from './report/text.ts';
import { soak } from './soak.ts';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let plan: Plan | undefined;
  try {
    plan = readPlan(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (plan === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    return await run(plan);
  } catch (error) {
    process.stderr.write(`\nThe soak itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}

async function run(plan: Plan): Promise<number> {
  const stopping = stopOnSignal();
  const line = new ProgressLine(process.stderr, plan);
  mkdirSync(plan.out, { recursive: true });
  // Written as they come, so that a run that is killed leaves what it saw.
  const samples = join(plan.out, 'samples.ndjson');
  writeFileSync(samples, '');
  const evidence = await soak(plan, stopping, (progress) => {
    line.show(progress);
    appendFileSync(samples, progress.nodes.map((node) => `${JSON.stringify(node)}\n`).join(''));
  });
  line.end();
  const findings = judge(evidence);
  const text = reportAsText(evidence, findings);
  const page = join(plan.out, 'soak.html');
  writeFileSync(join(plan.out, 'soak.txt'), text);
  writeFileSync(join(plan.out, 'soak.json'), JSON.stringify({ findings, evidence }));
  writeFileSync(page, reportAsHtml(evidence, findings));
  process.stdout.write(`${text}\nPlots: ${page}\n`);
  return holds(findings) ? 0 : 1;
}

/** Aborted by the first Ctrl-C or SIGTERM; a second one ends the process at once. */
function stopOnSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(1);
      process.stderr.write('\nEnding early; the report follows. Once more to stop at once.\n');
      stopping.abort();
    });
  }
  return stopping.signal;
}
