import { createReadStream } from 'node:fs';
import { MESSAGE_BYTES_MAX } from '../limits.ts';

/** Where the bodies of messages come from. */

const NEWLINE = 0x0a;
const TOO_LONG = `more than the ${MESSAGE_BYTES_MAX} bytes that a message may have; put it elsewhere and send where it is`;

/** An input, and how errors call it. */
export interface Input {
  readonly chunks: AsyncIterable<unknown>;
  readonly name: string;
}

/** Standard input for `-`, else a file. */
export function openInput(path: string): Input {
  return path === '-' ? { chunks: process.stdin, name: 'standard input' } : { chunks: createReadStream(path), name: path };
}

/**
 * All of an input.
 *
 * @throws Error when it cannot be read or is too long
 */
export async function readBody(input: Input): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunksOf(input)) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MESSAGE_BYTES_MAX) throw new Error(`${input.name} has ${TOO_LONG}`);
  }
  return Buffer.concat(chunks);
}

/**
 * The lines of an input as they come, without their ends.
 *
 * @throws Error when it cannot be read, or a line is too long
 */
export async function* readLines(input: Input): AsyncGenerator<Buffer, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let number = 1;
  for await (const chunk of chunksOf(input)) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      yield checked(Buffer.concat([rest, chunk.subarray(start, end)]), input, number);
      rest = Buffer.alloc(0);
      start = end + 1;
      number++;
    }
    rest = checked(Buffer.concat([rest, chunk.subarray(start)]), input, number);
  }
  if (rest.length > 0) yield rest;
  return undefined;
}

async function* chunksOf({ chunks, name }: Input): AsyncGenerator<Uint8Array, undefined> {
  try {
    for await (const chunk of chunks) yield chunk as Uint8Array;
  } catch (cause) {
    throw new Error(`${name} cannot be read; name a file, or - for standard input: ${(cause as Error).message}`, { cause });
  }
  return undefined;
}

function checked(line: Buffer, { name }: Input, number: number): Buffer {
  if (line.length > MESSAGE_BYTES_MAX) throw new Error(`line ${number} of ${name} has ${TOO_LONG}`);
  return line;
}
