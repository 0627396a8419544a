import type { Command } from 'commander';
import { addConnectionOptions, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson, printTable } from '../output.ts';
import { oldestText, topicJson } from './topic-facts.ts';
import { addTopicArguments, readTopic } from './target.ts';

const EXAMPLE = `
Always admitted = ready + delayed + leased + acked + deleted + expired +
dead_lettered + redriven.

Example:
  $ ronctl mailbox stats orders
  $ ronctl mailbox stats oap://127.0.0.1:6270 orders --json
`;

/** `ronctl mailbox stats`: counts, totals and settings of one topic. */
export function addStatsCommand(group: Command): void {
  const command = group.command('stats').description('show counts, totals and settings of a topic').addHelpText('after', EXAMPLE);
  addConnectionOptions(addTopicArguments(command)).action(stats);
}

async function stats(first: string | undefined, second: string | undefined, flags: ConnectionFlags): Promise<void> {
  const { url, topic } = readTopic(first, second);
  await withClient(url, flags, async (client) => {
    const found = await client.mailbox(topic).stats();
    const { settings, oldest_ms, ...counts } = topicJson(found);
    if (flags.json === true) printJson({ ...counts, oldest_ms, settings });
    else printTable({ ...counts, oldest: oldestText(found, Date.now()), ...settings, dlq: settings.dlq ?? 'none' });
  });
}
