import { Option } from 'commander';
import type { Command } from 'commander';
import type { RedriveOptions } from '@omnigate/sdk';
import { count } from '../arguments.ts';
import { addConnectionOptions, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { BadAnswer } from '../exit-code.ts';
import { printJson } from '../output.ts';
import { Progress } from '../progress.ts';
import { deadLetterTopic, unlessUnknown } from './dlq-command.ts';
import { addTopicArguments, readTopic } from './target.ts';

const EXAMPLE = `
Moves the dead letters of a topic back into it, where they are delivered as if they
were new. Each moves as a whole or not at all, so that a call that was cut off can
simply be repeated.

Example:
  $ ronctl mailbox redrive orders
  $ ronctl mailbox redrive orders --reason nacked --max 100 --json
  $ ronctl mailbox redrive orders-repaired --from orders/dlq --source orders
`;

interface RedriveFlags extends ConnectionFlags {
  readonly from?: string;
  readonly source?: string;
  readonly reason?: NonNullable<RedriveOptions['reason']>;
  readonly id?: string;
  readonly max?: number;
}

/** `ronctl mailbox redrive`: moves dead letters back. */
export function addRedriveCommand(group: Command): void {
  const command = group.command('redrive').description('move dead letters back into their topic').addHelpText('after', EXAMPLE);
  addTopicArguments(command)
    .option('--from <topic>', 'where the dead letters are (default: where the topic sends them)')
    .option('--source <topic>', 'only those that came from this topic (default: the topic itself)')
    .addOption(new Option('--reason <reason>', 'only those whose last lease ended like this').choices(['expired', 'nacked']))
    .option('--id <id>', 'only this message')
    .option('--max <n>', 'how many at most', count);
  addConnectionOptions(command).action(redrive);
}

async function redrive(first: string | undefined, second: string | undefined, flags: RedriveFlags): Promise<void> {
  const { url, topic } = readTopic(first, second);
  const { source, reason, id, max, json } = flags;
  await withClient(url, flags, async (client) => {
    using progress = new Progress();
    const onProgress = (moved: number): void => {
      progress.show(`${moved} moved`);
    };
    const from = flags.from ?? (await deadLetterTopic(client, topic, 'name where they are with --from'));
    const moving = client.mailbox(topic).redrive({ from, source, reason, id, max, onProgress });
    const { moved, complete } = await (flags.from === undefined ? unlessUnknown(moving, { moved: 0, complete: true }) : moving);
    progress[Symbol.dispose]();
    if (json === true) printJson({ from, to: topic, moved, complete });
    else process.stdout.write(`Moved ${moved} from ${from} to ${topic}.\n`);
    if (complete || moved === max) return;
    throw new BadAnswer(`a quota stopped it, and the rest is still in ${from}; receive or purge messages of ${topic}, then repeat this`, json === true);
  });
}
