import { constants, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { LOG_PAUSE_MS } from '../bounds.ts';
import { encodeRecord, flushFolder, readLog } from './log-file.ts';

// The simplest program that keeps its word: appends a record, flushes it, and
// only then says its number, over and over until it is killed or fails.
const [path = '', first = ''] = process.argv.slice(2);
let at = readLog(path).bytes;
const file = openSync(path, constants.O_RDWR | constants.O_CREAT);
ftruncateSync(file, at);
flushFolder(dirname(path));

const pause = new Int32Array(new SharedArrayBuffer(4));
for (let number = Number(first); ; number++) {
  const record = encodeRecord(number);
  at += writeSync(file, record, at);
  fdatasyncSync(file);
  writeSync(1, `${number}\n`);
  Atomics.wait(pause, 0, 0, LOG_PAUSE_MS);
}
