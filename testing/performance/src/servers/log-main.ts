import { fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answerParent } from '../process/worker-loop.ts';
import { startBareServer } from './bare-server.ts';

/** The least that a durable message costs: what came is appended to a file and flushed before it is echoed. */
const folder = mkdtempSync(join(tmpdir(), 'omnigate-performance-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
const fd = openSync(join(folder, 'log'), 'a');
const { address } = await startBareServer('127.0.0.1', (messages) => {
  writeSync(fd, messages);
  fdatasyncSync(fd);
});
answerParent({ address: () => address });
