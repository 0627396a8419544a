import type { Command } from 'commander';
import type { Storage } from '@omnigate/sdk';
import { isUrl, URL_ARGUMENT, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';

const BLOB = /^b3m?:[0-9a-f]{64}$/;

/** A node and blobs of it, as arguments name them. */
export interface Target {
  readonly url: string | undefined;
  readonly names: readonly string[];
}

/** Adds `[url]` before what else a command takes, where commander would have the optional one last. */
export function addTargetArguments(command: Command, behind: string, name: string, description: string): Command {
  return command
    .usage(`[options] [url] ${behind}`)
    .argument(...URL_ARGUMENT)
    .argument(`[${name}...]`, description);
}

/**
 * Tells the URL from what follows.
 *
 * @throws Error when there are more arguments than `most`
 */
export function readTarget(first: string | undefined, others: readonly string[], most = Infinity): Target {
  const url = isUrl(first) ? first : undefined;
  const names = first === undefined || url !== undefined ? others : [first, ...others];
  const excess = names[most];
  if (excess !== undefined) throw new Error(`there is one argument too many: ${excess}; the URL comes first, and what has spaces is quoted`);
  return { url, names };
}

/** As {@link readTarget}, for blobs. @throws Error when there is none, or a name is none */
export function readBlobs(first: string | undefined, others: readonly string[]): Target {
  const target = readTarget(first, others);
  if (target.names.length === 0) throw new Error('no blob; name one by its id, and "ronctl storage ls" shows which there are');
  for (const name of target.names) checkBlob(name);
  return target;
}

/** @throws Error when a text is neither id nor alias */
export function checkBlob(name: string): void {
  if (!BLOB.test(name)) throw new Error(`${name} is no blob; write b3m: or b3: and 64 hex digits in lower case`);
}

/** Does something with the blobs of a node. */
export async function withStorage(url: string | undefined, flags: ConnectionFlags, work: (storage: Storage) => Promise<void>): Promise<void> {
  await withClient(url, flags, (client) => work(client.storage()));
}
