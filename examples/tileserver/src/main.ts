import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OapError } from '@omnigate/sdk';
import { SIGNAL_REPEAT_MS } from './limits.ts';
import { CONSOLE_LOG } from './log.ts';
import { HELP, readOptions, UsageError } from './options.ts';
import { startOwnNode } from './own-node.ts';
import { startTileServer } from './tileserver.ts';

const FAILED = 1;
const WRONG_CALL = 2;

const stopping = new AbortController();
let stoppedMs = 0;
const onSignal = (): void => {
  if (stopping.signal.aborted && performance.now() - stoppedMs >= SIGNAL_REPEAT_MS) process.exit(FAILED);
  if (stopping.signal.aborted) return;
  stoppedMs = performance.now();
  stopping.abort();
};

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) process.stdout.write(HELP);
  else {
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    const { ownNode, tokenFile, ...rest } = options;
    await using node = ownNode ? await startOwnNode(join(options.data, 'node')) : undefined;
    const connect = node?.connectOptions ?? (tokenFile === undefined ? {} : { cap: () => readToken(tokenFile) });
    await using server = await startTileServer({ ...rest, connect }, CONSOLE_LOG, stopping.signal);
    CONSOLE_LOG.info(`Open ${server.url} in a browser. Ctrl-C stops when answers under way are finished, and a second one at once.`);
    if (!stopping.signal.aborted) await once(stopping.signal, 'abort');
  }
} catch (error) {
  // Told to stop while it started.
  if (!stopping.signal.aborted) process.exitCode = explain(error);
} finally {
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}

async function readToken(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trim();
}

function explain(error: unknown): number {
  CONSOLE_LOG.error(error instanceof Error ? error.message : String(error));
  if (error instanceof UsageError) CONSOLE_LOG.error('Run it with --help to see what it takes.');
  else if (error instanceof OapError) CONSOLE_LOG.error('Without a node at hand, --own-node starts one in this process.');
  return error instanceof UsageError ? WRONG_CALL : FAILED;
}
