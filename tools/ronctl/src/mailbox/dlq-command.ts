import type { Command } from 'commander';
import { OapError } from '@omnigate/sdk';
import type { Client, TopicStats } from '@omnigate/sdk';
import { count } from '../arguments.ts';
import { addConnectionOptions, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson, printRows } from '../output.ts';
import { showPeeked } from './peek-command.ts';
import { addTopicArguments, readTarget } from './target.ts';
import { heldCount, oldestText } from './topic-facts.ts';

const GROUP_EXAMPLE = `
Example:
  $ ronctl mailbox dlq ls
`;

const EXAMPLE = `
Without a topic it lists the topics that have dead letters, and where those are;
with one, the dead letters that came from it. "ronctl mailbox redrive" moves them
back.

Example:
  $ ronctl mailbox dlq ls
  $ ronctl mailbox dlq ls orders --json
`;

interface DlqFlags extends ConnectionFlags {
  readonly limit: number;
}

/** `ronctl mailbox dlq`: messages that nobody could work on. */
export function addDlqCommand(group: Command): void {
  const dlq = group.command('dlq').description('dead letters: what was delivered too often').addHelpText('after', GROUP_EXAMPLE);
  const command = dlq.command('ls').description('list dead letters, or the topics that have some').addHelpText('after', EXAMPLE);
  addTopicArguments(command).usage('[options] [url] [topic]').option('--limit <n>', 'how many of a topic at most', count, 16);
  addConnectionOptions(command).action(ls);
}

async function ls(first: string | undefined, second: string | undefined, flags: DlqFlags): Promise<void> {
  const { url, topic, rest } = readTarget(first, second);
  if (rest !== undefined) throw new Error(`there is one argument too many: ${rest}; the URL comes before the topic`);
  await withClient(url, flags, async (client) => {
    if (topic === undefined) await listSources(client, flags);
    else await listLetters(client, topic, flags);
  });
}

async function listSources(client: Client, { json }: DlqFlags): Promise<void> {
  const topics = new Map<string, TopicStats>();
  for await (const stats of client.topics()) topics.set(stats.topic, stats);
  const found = [...topics.values()].flatMap(({ topic, settings }) => {
    const letters = topics.get(settings.dlq ?? '');
    return letters === undefined || heldCount(letters) === 0 ? [] : [{ topic, letters }];
  });
  if (json === true) {
    printJson({ topics: found.map(({ topic, letters }) => ({ topic, dlq: letters.topic, messages: heldCount(letters), oldest_ms: letters.oldestMs ?? null })) });
  } else if (found.length === 0) {
    process.stdout.write('There are no dead letters.\n');
  } else {
    const nowMs = Date.now();
    const rows = found.map(({ topic, letters }) => [topic, letters.topic, String(heldCount(letters)), oldestText(letters, nowMs)]);
    printRows(['TOPIC', 'DEAD LETTERS IN', 'MESSAGES', 'OLDEST'], rows);
  }
}

async function listLetters(client: Client, topic: string, flags: DlqFlags): Promise<void> {
  const dlq = await deadLetterTopic(client, topic, 'leave the topic out to see which have some');
  const shown = showPeeked(client.mailbox(dlq), { ...flags, state: 'ready' }, ({ dead }) => dead?.topic === topic);
  const letters = await unlessUnknown(shown, 0);
  if (letters === 0 && flags.json !== true) process.stdout.write(`There are no dead letters of ${topic}.\n`);
}

/**
 * Where the dead letters of a topic go.
 *
 * @param fix what to do when they go nowhere
 * @throws Error when they go nowhere
 * @throws OapError topic_unknown
 */
export async function deadLetterTopic(client: Client, topic: string, fix: string): Promise<string> {
  const { dlq } = (await client.mailbox(topic).stats()).settings;
  if (dlq === null) throw new Error(`${topic} keeps its dead letters nowhere, since its setting dlq is nil; ${fix}`);
  return dlq;
}

/** What comes of a topic that dead letters make; `otherwise` while there was none. */
export async function unlessUnknown<Result>(work: Promise<Result>, otherwise: Result): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof OapError && error.reason === 'topic_unknown') return otherwise;
    throw error;
  }
}
