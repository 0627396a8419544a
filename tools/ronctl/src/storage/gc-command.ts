import type { Command } from 'commander';
import { formatBytes } from '../byte-count.ts';
import { addConnectionOptions, URL_ARGUMENT } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson } from '../output.ts';
import { withStorage } from './target.ts';

const EXAMPLE = `
The node does so by itself every minute. What was unpinned a short while ago stays until
the grace window of the node is over.

Example:
  $ ronctl storage gc
`;

/** `ronctl storage gc`: removes what is due. */
export function addGcCommand(group: Command): void {
  const command = group
    .command('gc')
    .description('remove now what nothing keeps')
    .argument(...URL_ARGUMENT)
    .addHelpText('after', EXAMPLE);
  addConnectionOptions(command).action(gc);
}

async function gc(url: string | undefined, flags: ConnectionFlags): Promise<void> {
  await withStorage(url, flags, async (storage) => {
    const { sweptBlobs, sweptBytes } = await storage.gc();
    if (flags.json === true) printJson({ swept_blobs: sweptBlobs, swept_bytes: sweptBytes });
    else process.stdout.write(`Removed ${sweptBlobs} blobs, ${formatBytes(sweptBytes)}.\n`);
  });
}
