import type { Command } from 'commander';
import { formatBytes } from '../byte-count.ts';
import { addConnectionOptions } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { BadAnswer } from '../exit-code.ts';
import { printJson } from '../output.ts';
import { Progress } from '../progress.ts';
import { addTargetArguments, checkBlob, readTarget, withStorage } from './target.ts';

const EXAMPLE = `
The node reads and checks a blob, or all of the tenant. What is damaged is named, and
is not served any more; put it again from another copy. Exits with 1 when there is any.

Example:
  $ ronctl storage scrub
  $ ronctl storage scrub b3m:2f0b...
`;

/** `ronctl storage scrub`: has a node check what it keeps. */
export function addScrubCommand(group: Command): void {
  const command = group.command('scrub').description('have the node check what it keeps').addHelpText('after', EXAMPLE);
  addTargetArguments(command, '[id]', 'id', 'the blob; all of the tenant without one');
  addConnectionOptions(command).action(scrub);
}

async function scrub(first: string | undefined, others: readonly string[], flags: ConnectionFlags): Promise<void> {
  const { url, names } = readTarget(first, others, 1);
  const [id] = names;
  if (id !== undefined) checkBlob(id);
  await withStorage(url, flags, async (storage) => {
    using progress = new Progress();
    const onProgress = (blobs: number, bytes: number): void => {
      progress.show(`${blobs} blobs checked, ${formatBytes(bytes)}`);
    };
    const { checkedBlobs, checkedBytes, corrupt } = await storage.scrub({ id, onProgress });
    progress[Symbol.dispose]();
    if (flags.json === true) {
      printJson({ checked_blobs: checkedBlobs, checked_bytes: checkedBytes, corrupt });
    } else {
      for (const damaged of corrupt) process.stdout.write(`${damaged.id} is damaged, first at leaf ${damaged.leaf}\n`);
      process.stdout.write(`Checked ${checkedBlobs} blobs, ${formatBytes(checkedBytes)}; ${corrupt.length} damaged.\n`);
    }
    if (corrupt.length > 0) throw new BadAnswer(`${corrupt.length} blobs are damaged`, true);
  });
}
