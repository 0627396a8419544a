import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { ReadableStream } from 'node:stream/web';
import { setImmediate as turn } from 'node:timers/promises';
import { STORAGE_HASH_BYTES, STORAGE_READ_BYTES } from '../limits.ts';

/** A file to be put, by path or `file:` URL. */
export interface FileSource {
  readonly file: string | URL;
}

/** What can be put. Bytes and files can be read again, so their upload goes on after a lost connection. */
export type BlobSource = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | FileSource;

/** Bytes in order, piece by piece. */
export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** A source that can be read as often as one likes. */
export interface SteadySource {
  readonly sizeBytes: number;
  read(offsetBytes: number): Chunks;
}

/** A source that is ready to be read: from any place, or once. */
export interface OpenedSource {
  readonly bytes: SteadySource | Chunks;
  close(): Promise<void>;
}

const NOTHING_TO_CLOSE = (): Promise<void> => Promise.resolve();

/** @throws TypeError when it is no source; what the file system says of a file */
export async function openSource(source: BlobSource): Promise<OpenedSource> {
  if (source instanceof Uint8Array) {
    const bytes = { sizeBytes: source.length, read: (offsetBytes: number) => pieces(source, offsetBytes) };
    return { bytes, close: NOTHING_TO_CLOSE };
  }
  if (typeof source === 'object' && 'file' in source) return openFile(source.file);
  const isIterable = typeof source === 'object' && (Symbol.asyncIterator in source || Symbol.iterator in source);
  if (!isIterable) throw new TypeError('a blob comes from a Uint8Array, an iterable or stream of them, or { file }');
  return { bytes: source, close: NOTHING_TO_CLOSE };
}

export function isSteady(bytes: SteadySource | Chunks): bytes is SteadySource {
  return 'read' in bytes && 'sizeBytes' in bytes;
}

async function openFile(path: string | URL): Promise<OpenedSource> {
  const handle = await open(path);
  const close = (): Promise<void> => handle.close();
  try {
    const status = await handle.stat();
    const { size: sizeBytes } = status;
    if (status.isFile()) return { bytes: { sizeBytes, read: (offsetBytes) => fileBytes(handle, offsetBytes, sizeBytes) }, close };
  } catch (error) {
    await close();
    throw error;
  }
  // A pipe or a terminal gives its bytes once.
  return { bytes: handle.createReadStream({ autoClose: false, highWaterMark: STORAGE_READ_BYTES }) as AsyncIterable<Uint8Array>, close };
}

function fileBytes(handle: FileHandle, offsetBytes: number, sizeBytes: number): Chunks {
  // What is appended meanwhile is not part of it.
  if (offsetBytes >= sizeBytes) return [];
  const options = { start: offsetBytes, end: sizeBytes - 1, autoClose: false, highWaterMark: STORAGE_READ_BYTES };
  return handle.createReadStream(options) as AsyncIterable<Uint8Array>;
}

/** Pieces of some bytes, with a turn for others every now and then. */
async function* pieces(bytes: Uint8Array, offsetBytes: number): AsyncGenerator<Uint8Array, undefined> {
  for (let at = offsetBytes; at < bytes.length; at += STORAGE_HASH_BYTES) {
    if (at > offsetBytes) await turn();
    yield bytes.subarray(at, at + STORAGE_HASH_BYTES);
  }
  return undefined;
}
