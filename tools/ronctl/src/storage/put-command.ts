import type { Command } from 'commander';
import type { BlobSource, PutOptions } from '@omnigate/sdk';
import { addConnectionOptions } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { printJson } from '../output.ts';
import { duration } from '../time.ts';
import { addTargetArguments, checkBlob, readTarget, withStorage } from './target.ts';
import { TransferProgress } from './transfer-progress.ts';

const EXAMPLE = `
Prints the id of the blob once it would survive a loss of power. A file whose upload
was cut off goes on where the node has it when it is put again; standard input is read
once. A blob is kept for good, unless --ttl or --no-pin says otherwise.

Example:
  $ ronctl storage put map.pmtiles --media-type application/vnd.pmtiles
  $ tar c photos | ronctl storage put - --ttl 7d
`;

interface PutFlags extends ConnectionFlags {
  readonly mediaType?: string;
  readonly ttl?: number;
  readonly pin: boolean;
  readonly expect?: string;
  readonly e2e?: boolean;
}

/** `ronctl storage put`: stores a file. */
export function addPutCommand(group: Command): void {
  const command = group.command('put').description('store a file or standard input, and print its id').addHelpText('after', EXAMPLE);
  addTargetArguments(command, '<file>', 'file', 'what to store, or - for standard input')
    .option('--media-type <type>', 'what it is, such as image/png; told to every reader')
    .option('--ttl <time>', 'keep it for so long, such as 12h or 7d', duration)
    .option('--no-pin', 'keep it for the grace window of the node only')
    .option('--expect <id>', 'the id that the bytes must have')
    .option('--e2e', 'mark it as ciphertext of the application (APP_E2E)');
  addConnectionOptions(command).action(put);
}

async function put(first: string | undefined, others: readonly string[], flags: PutFlags): Promise<void> {
  const { url, names } = readTarget(first, others, 1);
  const [file] = names;
  const { mediaType, ttl, pin, expect, e2e, json } = flags;
  if (file === undefined) throw new Error('nothing to store; name a file, or - for standard input');
  if (ttl !== undefined && !pin) throw new Error('--ttl pins and --no-pin does not; give one');
  if (expect !== undefined) checkBlob(expect);
  const source: BlobSource = file === '-' ? process.stdin : { file };
  await withStorage(url, flags, async (storage) => {
    using progress = new TransferProgress();
    const options: PutOptions = {
      mediaType,
      pinTtlMs: pin ? ttl : 0,
      expect,
      endToEnd: e2e,
      onProgress: (doneBytes, totalBytes) => {
        progress.show(doneBytes, totalBytes);
      },
    };
    const { id, b3, sizeBytes, existed } = await storage.put(source, options).catch((error: unknown) => {
      throw explained(error, file);
    });
    progress[Symbol.dispose]();
    if (json === true) printJson({ id, b3, size_bytes: sizeBytes, existed });
    else process.stdout.write(`${id}\n`);
  });
}

/** Says of a file that cannot be read what to do. */
function explained(error: unknown, file: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  return new Error(`${file} cannot be read; name a file, or - for standard input: ${(error as Error).message}`, { cause: error });
}
