import type { Command } from 'commander';
import type { BlobStatus, StorageUsage } from '@omnigate/sdk';
import { formatBytes } from '../byte-count.ts';
import { addConnectionOptions } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson, printTable } from '../output.ts';
import { formatDistance } from '../time.ts';
import { blobFacts } from './blob-facts.ts';
import { addTargetArguments, checkBlob, readTarget, withStorage } from './target.ts';

const EXAMPLE = `
Without an id it tells what the tenant holds, and may hold.

Example:
  $ ronctl storage stat
  $ ronctl storage stat b3m:2f0b... --json
`;

/** `ronctl storage stat`: what a node knows of a blob, or of the tenant. */
export function addStatCommand(group: Command): void {
  const command = group.command('stat').description('show what is known of a blob, or what the tenant holds').addHelpText('after', EXAMPLE);
  addTargetArguments(command, '[id]', 'id', 'the blob');
  addConnectionOptions(command).action(stat);
}

async function stat(first: string | undefined, others: readonly string[], flags: ConnectionFlags): Promise<void> {
  const { url, names } = readTarget(first, others, 1);
  const [id] = names;
  if (id !== undefined) checkBlob(id);
  await withStorage(url, flags, async (storage) => {
    if (id === undefined) showUsage(await storage.usage(), flags);
    else showBlob(await storage.stat(id), flags);
  });
}

function showUsage({ blobs, pinnedBytes, unpinnedBytes, partialBytes, quotaBytes, quotaBlobs }: StorageUsage, { json }: ConnectionFlags): void {
  const facts = { blobs, pinned_bytes: pinnedBytes, unpinned_bytes: unpinnedBytes, partial_bytes: partialBytes, quota_bytes: quotaBytes, quota_blobs: quotaBlobs };
  if (json === true) printJson(facts);
  else printTable(Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, name.endsWith('_bytes') ? withUnit(value) : value])));
}

function showBlob(status: BlobStatus, { json }: ConnectionFlags): void {
  const facts = blobFacts(status);
  if (json === true) {
    printJson(facts);
    return;
  }
  const nowMs = Date.now();
  const texts = Object.entries(facts).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (typeof value === 'number' && name.endsWith('_bytes')) return [[name, withUnit(value)]];
    // A name in _ms promises a number.
    return typeof value === 'number' && name.endsWith('_ms') ? [[name.slice(0, -3), formatDistance(value, nowMs)]] : [[name, value]];
  });
  printTable(Object.fromEntries(texts) as Record<string, unknown>);
}

function withUnit(bytes: number): string {
  return bytes < 1_024 ? String(bytes) : `${bytes} (${formatBytes(bytes)})`;
}
