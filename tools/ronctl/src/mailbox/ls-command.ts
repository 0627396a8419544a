import type { Command } from 'commander';
import type { TopicStats } from '@omnigate/sdk';
import { addConnectionOptions, URL_ARGUMENT, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson, printRows } from '../output.ts';
import { oldestText, topicJson } from './topic-facts.ts';

const EXAMPLE = `
READY counts messages that may be delivered, BLOCKED those of them that wait for an
earlier one of their group. OLDEST is the oldest that can be delivered.

Example:
  $ ronctl mailbox ls
  $ ronctl mailbox ls oap://127.0.0.1:6270 --json
`;

/** `ronctl mailbox ls`: the topics and what they hold. */
export function addLsCommand(group: Command): void {
  const command = group
    .command('ls')
    .description('list the topics and what they hold')
    .argument(...URL_ARGUMENT)
    .addHelpText('after', EXAMPLE);
  addConnectionOptions(command).action(ls);
}

async function ls(url: string | undefined, flags: ConnectionFlags): Promise<void> {
  await withClient(url, flags, async (client) => {
    const topics: TopicStats[] = [];
    for await (const topic of client.topics()) topics.push(topic);
    if (flags.json === true) {
      printJson({ topics: topics.map(topicJson) });
    } else if (topics.length === 0) {
      process.stdout.write('There is no topic yet; the first message makes one.\n');
    } else {
      const nowMs = Date.now();
      const rows = topics.map((topic) => [
        topic.topic, ...[topic.ready, topic.blocked, topic.delayed, topic.leased, topic.bytes].map(String), oldestText(topic, nowMs),
      ]);
      printRows(['TOPIC', 'READY', 'BLOCKED', 'DELAYED', 'LEASED', 'BYTES', 'OLDEST'], rows);
    }
  });
}
