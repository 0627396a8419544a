import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { count } from './arguments.ts';
import { addConnectionOptions, URL_ARGUMENT, withClient } from './connection-options.ts';
import type { ConnectionFlags } from './connection-options.ts';
import { printJson, round } from './output.ts';

const EXAMPLE = `
Example:
  $ ronctl ping oap://127.0.0.1:6270 --count 10
`;

interface PingFlags extends ConnectionFlags {
  readonly count: number;
  readonly interval: number;
}

/** `ronctl ping`: how long the node takes to give a sign of life. */
export function addPingCommand(program: Command): void {
  const command = program
    .command('ping')
    .description('measure the round trip to a node')
    .argument(...URL_ARGUMENT)
    .option('--count <n>', 'how many', count, 4)
    .option('--interval <ms>', 'pause between them', count, 200)
    .addHelpText('after', EXAMPLE);
  addConnectionOptions(command).action(ping);
}

async function ping(url: string | undefined, flags: PingFlags): Promise<void> {
  await withClient(url, flags, async (client) => {
    const times: number[] = [];
    for (let i = 1; i <= flags.count; i++) {
      if (i > 1) await sleep(flags.interval);
      const ms = round(await client.ping());
      times.push(ms);
      if (flags.json !== true) process.stdout.write(`${client.url}: ${i} of ${flags.count}, ${ms} ms\n`);
    }
    const summary = {
      min_ms: Math.min(...times),
      mean_ms: round(times.reduce((sum, ms) => sum + ms, 0) / times.length),
      max_ms: Math.max(...times),
    };
    if (flags.json === true) printJson({ url: client.url, times_ms: times, ...summary });
    else process.stdout.write(`min ${summary.min_ms} ms, mean ${summary.mean_ms} ms, max ${summary.max_ms} ms\n`);
  });
}
