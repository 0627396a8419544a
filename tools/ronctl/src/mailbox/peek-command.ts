import { Option } from 'commander';
import type { Command } from 'commander';
import type { Mailbox, MessageState, PeekedMessage } from '@omnigate/sdk';
import { count } from '../arguments.ts';
import { addConnectionOptions, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { PEEK_PAGE_MESSAGES } from '../limits.ts';
import { writeOut } from '../output.ts';
import { messageJson, messageText } from './message-text.ts';
import { addTopicArguments, readTopic } from './target.ts';

const EXAMPLE = `
Changes nothing: whoever receives gets the same messages as without it. Shows one
line for each, with the beginning of the body; --json has all of it.

Example:
  $ ronctl mailbox peek orders
  $ ronctl mailbox peek orders --state leased --limit 1000 --json
`;

interface PeekFlags extends ConnectionFlags {
  readonly state: MessageState;
  readonly limit: number;
}

/** `ronctl mailbox peek`: looks at messages. */
export function addPeekCommand(group: Command): void {
  const command = group.command('peek').description('look at messages without taking them').addHelpText('after', EXAMPLE);
  addTopicArguments(command)
    .addOption(new Option('--state <state>', 'which messages').choices(['ready', 'blocked', 'delayed', 'leased']).default('ready'))
    .option('--limit <n>', 'how many at most', count, 16);
  addConnectionOptions(command).action(peek);
}

async function peek(first: string | undefined, second: string | undefined, flags: PeekFlags): Promise<void> {
  const { url, topic } = readTopic(first, second);
  await withClient(url, flags, async (client) => {
    await showPeeked(client.mailbox(topic), flags, () => true);
  });
}

/** Prints messages, page by page, until there are no more or `limit` were shown. */
export async function showPeeked(mailbox: Mailbox, { state, limit, json }: PeekFlags, isWanted: (message: PeekedMessage) => boolean): Promise<number> {
  let shown = 0;
  let after: Uint8Array | undefined;
  do {
    const page = await mailbox.peek({ state, after, limit: PEEK_PAGE_MESSAGES });
    for (const message of page.messages.filter(isWanted)) {
      if (shown === limit) return shown;
      shown++;
      await writeOut(`${json === true ? JSON.stringify(messageJson(message)) : messageText(message)}\n`);
    }
    after = page.next;
  } while (after !== undefined && shown < limit);
  return shown;
}
