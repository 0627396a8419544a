import type { Command } from 'commander';
import { addConnectionOptions } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { BadAnswer } from '../exit-code.ts';
import { printJson } from '../output.ts';
import { addTargetArguments, readBlobs, withStorage } from './target.ts';

const EXAMPLE = `
Exits with 1 when one of them is not there, or is damaged.

Example:
  $ ronctl storage has b3m:2f0b... b3m:77aa...
`;

/** `ronctl storage has`: whether blobs are there. */
export function addHasCommand(group: Command): void {
  const command = group.command('has').description('tell whether blobs are there').addHelpText('after', EXAMPLE);
  addTargetArguments(command, '<id...>', 'id', 'the blobs');
  addConnectionOptions(command).action(has);
}

async function has(first: string | undefined, others: readonly string[], flags: ConnectionFlags): Promise<void> {
  const { url, names } = readBlobs(first, others);
  await withStorage(url, flags, async (storage) => {
    const found = await storage.has(names);
    if (flags.json === true) printJson({ have: Object.fromEntries(names.map((name, index) => [name, found[index]])) });
    else names.forEach((name, index) => process.stdout.write(`${name} ${found[index] === true ? 'yes' : 'no'}\n`));
    const missing = found.filter((there) => !there).length;
    if (missing > 0) throw new BadAnswer(`${missing} of ${names.length} blobs ${missing === 1 ? 'is' : 'are'} not there`, true);
  });
}
