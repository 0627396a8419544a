import type { Command } from 'commander';
import { isUrl, URL_ARGUMENT } from '../connection-options.ts';

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
    .argument(...URL_ARGUMENT)
    .argument('[topic]', 'a topic of the tenant of the capability');
}

/**
 * Tells `[url] [topic] [rest]` apart.
 *
 * @throws Error when there is one argument too many
 */
export function readTarget(first: string | undefined, second: string | undefined, third?: string): Target {
  const [url, topic, rest, excess] = isUrl(first) ? [first, second, third] : [undefined, first, second, third];
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
