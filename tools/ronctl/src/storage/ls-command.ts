import type { Command } from 'commander';
import type { BlobStatus } from '@omnigate/sdk';
import { count } from '../arguments.ts';
import { formatBytes } from '../byte-count.ts';
import { addConnectionOptions, URL_ARGUMENT } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson } from '../output.ts';
import { formatMoment } from '../time.ts';
import { blobFacts } from './blob-facts.ts';
import { withStorage } from './target.ts';

const EXAMPLE = `
A line for each blob, in the order of their ids; with --json a document each.

Example:
  $ ronctl storage ls
  $ ronctl storage ls --json | jq -r 'select(.pinned | not) | .id'
`;

interface LsFlags extends ConnectionFlags {
  readonly limit?: number;
}

/** `ronctl storage ls`: the blobs of the tenant. */
export function addLsCommand(group: Command): void {
  const command = group
    .command('ls')
    .description('list the blobs of the tenant')
    .argument(...URL_ARGUMENT)
    .option('--limit <n>', 'how many at most', count)
    .addHelpText('after', EXAMPLE);
  addConnectionOptions(command).action(ls);
}

async function ls(url: string | undefined, flags: LsFlags): Promise<void> {
  await withStorage(url, flags, async (storage) => {
    let shown = 0;
    for await (const blob of storage.list()) {
      if (flags.json === true) printJson(blobFacts(blob));
      else process.stdout.write(`${lineOf(blob)}\n`);
      shown++;
      if (shown === flags.limit) break;
    }
    if (shown === 0 && flags.json !== true) process.stdout.write('There is no blob yet; "ronctl storage put" stores one.\n');
  });
}

/** Id, size, keeping, and what the writer said it is, of which nothing may steer the terminal. */
function lineOf({ id, state, sizeBytes, pinned, pinUntilMs, mediaType }: BlobStatus): string {
  const keeping = !pinned ? 'unpinned' : pinUntilMs === undefined ? 'pinned' : `until ${formatMoment(pinUntilMs)}`;
  const size = sizeBytes === undefined ? '?' : formatBytes(sizeBytes);
  const type = mediaType === undefined ? '' : `  ${mediaType.replace(/[^\x20-\x7e]/g, '?')}`;
  return `${id}  ${size.padStart(9)}  ${keeping}${state === 'whole' ? '' : `  ${state}`}${type}`;
}
