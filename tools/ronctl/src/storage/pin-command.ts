import type { Command } from 'commander';
import { addConnectionOptions } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson } from '../output.ts';
import { duration, formatMoment } from '../time.ts';
import { addTargetArguments, readBlobs, withStorage } from './target.ts';

const PIN_EXAMPLE = `
Replaces the pin that a blob has, which may also be longer.

Example:
  $ ronctl storage pin b3m:2f0b... --ttl 7d
`;

const UNPIN_EXAMPLE = `
What is not pinned is removed when the grace window of the node is over, or sooner when
the tenant needs the room; until then it can be pinned again.

Example:
  $ ronctl storage unpin b3m:2f0b...
`;

interface PinFlags extends ConnectionFlags {
  readonly ttl?: number;
}

/** `ronctl storage pin`: keeps blobs. */
export function addPinCommand(group: Command): void {
  const command = group.command('pin').description('keep blobs, for good or for a time').addHelpText('after', PIN_EXAMPLE);
  addTargetArguments(command, '<id...>', 'id', 'the blobs').option('--ttl <time>', 'for so long from now, such as 12h or 7d', duration);
  addConnectionOptions(command).action(pin);
}

/** `ronctl storage unpin`: lets blobs go. */
export function addUnpinCommand(group: Command): void {
  const command = group.command('unpin').description('let blobs go').addHelpText('after', UNPIN_EXAMPLE);
  addTargetArguments(command, '<id...>', 'id', 'the blobs');
  addConnectionOptions(command).action(unpin);
}

async function pin(first: string | undefined, others: readonly string[], flags: PinFlags): Promise<void> {
  const { url, names } = readBlobs(first, others);
  await withStorage(url, flags, async (storage) => {
    for (const name of names) {
      const { id, pinUntilMs } = await storage.pin(name, { ttlMs: flags.ttl });
      if (flags.json === true) printJson({ id, pinned: true, pin_until_ms: pinUntilMs });
      else process.stdout.write(`${id} pinned${pinUntilMs === undefined ? '' : ` until ${formatMoment(pinUntilMs)}`}\n`);
    }
  });
}

async function unpin(first: string | undefined, others: readonly string[], flags: ConnectionFlags): Promise<void> {
  const { url, names } = readBlobs(first, others);
  await withStorage(url, flags, async (storage) => {
    for (const name of names) {
      const { id } = await storage.unpin(name);
      if (flags.json === true) printJson({ id, pinned: false });
      else process.stdout.write(`${id} unpinned\n`);
    }
  });
}
