import { Option } from 'commander';
import type { Command } from 'commander';
import type { PurgeOptions, TopicStats } from '@omnigate/sdk';
import { count } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { addConnectionOptions, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson } from '../output.ts';
import { Progress } from '../progress.ts';
import { addTopicArguments, readTopic } from './target.ts';
import { heldCount } from './topic-facts.ts';

const EXAMPLE = `
Asks first, unless --yes is given. What is leased goes too, whoever works on it. There
is no way back.

Example:
  $ ronctl mailbox purge orders
  $ ronctl mailbox purge orders/dlq --state ready --yes
`;

type PurgedState = NonNullable<PurgeOptions['state']>;

interface PurgeFlags extends ConnectionFlags {
  readonly state: PurgedState;
  readonly max?: number;
  readonly yes?: boolean;
}

/** `ronctl mailbox purge`: removes messages for good. */
export function addPurgeCommand(group: Command): void {
  const command = group.command('purge').description('remove messages of a topic, for good').addHelpText('after', EXAMPLE);
  addTopicArguments(command)
    .addOption(new Option('--state <state>', 'which messages; ready includes those blocked').choices(['all', 'ready', 'delayed', 'leased']).default('all'))
    .option('--max <n>', 'how many at most', count)
    .option('--yes', 'do not ask');
  addConnectionOptions(command).action(purge);
}

async function purge(first: string | undefined, second: string | undefined, flags: PurgeFlags): Promise<void> {
  const { url, topic } = readTopic(first, second);
  const { state, max, yes, json } = flags;
  await withClient(url, flags, async (client) => {
    const mailbox = client.mailbox(topic);
    if (yes !== true) await confirm(`Purge ${whatOf(await mailbox.stats(), state, max)} of ${topic}, for good?`);
    using progress = new Progress();
    const purged = await mailbox.purge({
      state,
      max,
      onProgress: (sofar) => {
        progress.show(`${sofar} purged`);
      },
    });
    progress[Symbol.dispose]();
    if (json === true) printJson({ topic, state, purged });
    else process.stdout.write(`Purged ${purged} from ${topic}.\n`);
  });
}

/** What the question is about: what is there at this moment. */
function whatOf(stats: TopicStats, state: PurgedState, max = Number.POSITIVE_INFINITY): string {
  const there = state === 'all' ? heldCount(stats) : stats[state];
  return `${Math.min(there, max)} ${state === 'all' ? '' : `${state} `}messages`;
}
