import { closeSync, existsSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** A record: its number and a checksum, one line. */
export function encodeRecord(number: number): string {
  return `${number} ${checksum(number)}\n`;
}

/** The numbers of a log, and the bytes they take; what is torn or damaged ends it. */
export function readLog(path: string): { readonly numbers: readonly number[]; readonly bytes: number } {
  const numbers: number[] = [];
  let bytes = 0;
  if (!existsSync(path)) return { numbers, bytes };
  for (const line of readFileSync(path, 'latin1').split('\n')) {
    const number = Number.parseInt(line, 10);
    if (`${line}\n` !== encodeRecord(number)) break;
    numbers.push(number);
    bytes += line.length + 1;
  }
  return { numbers, bytes };
}

/** Makes the names in a folder survive a loss of power. */
export function flushFolder(path: string): void {
  const folder = openSync(path, 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function checksum(number: number): string {
  return crc32(String(number)).toString(16);
}
