import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { BlobMetadata, BlobRange, Storage } from '@omnigate/sdk';
import { addConnectionOptions } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson, writeOut } from '../output.ts';
import { OutputFile } from './output-file.ts';
import { addTargetArguments, checkBlob, readTarget, withStorage } from './target.ts';
import { TransferProgress } from './transfer-progress.ts';

const EXAMPLE = `
Every byte is checked against the id before it is written, to the file or to standard
output. A file appears when it is complete; until then its bytes are in FILE.part, and
a transfer that was cut off goes on there when the command is given again. By b3: name
the whole blob is read twice; use ids where you can.

Example:
  $ ronctl storage get b3m:2f0b... map.pmtiles
  $ ronctl storage get b3m:2f0b... --range 0:127 | xxd
`;

interface GetFlags extends ConnectionFlags {
  readonly range?: readonly BlobRange[];
}

/** `ronctl storage get`: fetches a blob. */
export function addGetCommand(group: Command): void {
  const command = group.command('get').description('fetch a blob, checked byte by byte').addHelpText('after', EXAMPLE);
  addTargetArguments(command, '<id> [file]', 'id', 'the blob, and the file for it; - or none for standard output')
    .option('--range <start:end>', 'bytes from start on and before end, which may be left out; repeat it for more', range);
  addConnectionOptions(command).action(get);
}

async function get(first: string | undefined, others: readonly string[], flags: GetFlags): Promise<void> {
  const { url, names } = readTarget(first, others, 2);
  const [id, file = '-'] = names;
  const { range: ranges, json } = flags;
  if (id === undefined) throw new Error('no blob; name one by its id, and "ronctl storage ls" shows which there are');
  checkBlob(id);
  if (file === '-' && json === true) throw new Error('--json tells of a file; name one, since standard output is for the bytes');
  if (file === '-' && names.length === 1 && process.stdout.isTTY) throw new Error('the bytes of a blob may upset a terminal; name a file, or - to have them all the same');
  await withStorage(url, flags, async (storage) => {
    if (file === '-') {
      await toOutput(storage, id, ranges);
      return;
    }
    const { mediaType, ...told } = await toFile(storage, id, file, ranges);
    if (json === true) printJson({ id: told.id, b3: told.b3, size_bytes: told.sizeBytes, media_type: mediaType, body_bytes: told.bodyBytes, file });
  });
}

async function toOutput(storage: Storage, id: string, ranges: readonly BlobRange[] | undefined): Promise<void> {
  await using download = storage.get(id, { ranges });
  const { bodyBytes } = await download.metadata;
  using progress = new TransferProgress();
  let done = 0;
  for await (const chunk of download) {
    await writeOut(chunk);
    done += chunk.length;
    progress.show(done, bodyBytes);
  }
}

async function toFile(storage: Storage, id: string, path: string, ranges: readonly BlobRange[] | undefined): Promise<BlobMetadata> {
  await using output = await OutputFile.open(path, ranges === undefined ? id : undefined);
  await using download = storage.get(id, { ranges: output.bytes === 0 ? ranges : [[output.bytes, Infinity]] });
  const metadata = await download.metadata;
  using progress = new TransferProgress();
  const totalBytes = output.bytes + metadata.bodyBytes;
  for await (const chunk of download) {
    await output.write(chunk);
    progress.show(output.bytes, totalBytes);
  }
  await output.finish();
  return { ...metadata, bodyBytes: totalBytes };
}

/** One `start:end`, added to those before. */
function range(text: string, previous: readonly BlobRange[] = []): readonly BlobRange[] {
  const [, start = '', end = ''] = /^(\d{1,15}):(\d{0,15})$/.exec(text) ?? [];
  const added: BlobRange = [Number(start), end === '' ? Infinity : Number(end)];
  const before = previous.at(-1)?.[1] ?? 0;
  if (start === '' || added[1] <= added[0]) throw new InvalidArgumentError('Write the first byte, a colon, and the byte behind the last, such as 0:128 or 4096:.');
  if (added[0] < before) throw new InvalidArgumentError('Give ranges in ascending order, and none that overlap.');
  return [...previous, added];
}
