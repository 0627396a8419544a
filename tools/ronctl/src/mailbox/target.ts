import type { Command } from 'commander';
import type { Client } from '@omnigate/sdk';
import { connectAs } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';

/** A topic of a node, as arguments name it, and what stands behind it. */
export interface Target {
  readonly url: string | undefined;
  readonly topic: string | undefined;
  readonly rest: string | undefined;
}

/** Adds `[url] <topic>`, where commander would have the optional one last. */
export function addTopicArguments(command: Command, behind = ''): Command {
  return command
    .usage(`[options] [url] <topic>${behind}`)
    .argument('[url]', 'oap://host:port or oaps://host:port')
    .argument('[topic]', 'a topic of the tenant of the capability');
}

/**
 * Tells `[url] [topic] [rest]` apart: no topic looks like a URL.
 *
 * @throws Error when there is one argument too many
 */
export function readTarget(first: string | undefined, second: string | undefined, third?: string): Target {
  const hasUrl = first !== undefined && /^[a-z]+:\/\//i.test(first);
  const [url, topic, rest, excess] = hasUrl ? [first, second, third] : [undefined, first, second, third];
  if (excess !== undefined) throw new Error(`there is one argument too many: ${excess}; quote what has spaces in it`);
  return { url, topic, rest };
}

/** As {@link readTarget}, where nothing may follow. @throws Error without a topic */
export function readTopic(first: string | undefined, second: string | undefined): { readonly url: string | undefined; readonly topic: string } {
  const { url, topic, rest } = readTarget(first, second);
  if (topic === undefined) throw new Error('no topic; name one, and "ronctl mailbox ls" shows which there are');
  if (rest !== undefined) throw new Error(`there is one argument too many: ${rest}; the URL comes before the topic`);
  return { url, topic };
}

/** Does something with a node, and closes the connection. */
export async function withClient(url: string | undefined, flags: ConnectionFlags, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await connectAs(url, flags);
  try {
    await work(client);
  } finally {
    await client.close();
  }
}
