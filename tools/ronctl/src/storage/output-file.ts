import { constants, open, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { identifyBlob } from '@omnigate/sdk';
import { BadAnswer } from '../exit-code.ts';

const LEAF_BYTES = 65_536;
/** Characters of an id that tell the parts of different blobs apart. */
const ID_CHARACTERS = 12;

/** Where an output file is written before it is complete. */
interface Part {
  readonly path: string;
  /** The blob that the whole file is; undefined when it is a part of one, and cannot be told from another. */
  readonly id: string | undefined;
}

/** A file that appears under its name when it is complete, and whose writing goes on where it was cut off. */
export class OutputFile implements AsyncDisposable {
  /** Bytes that are there. */
  bytes: number;
  readonly #path: string;
  readonly #handle: FileHandle;
  /** Undefined for a device or a pipe, which is written at once. */
  readonly #part: Part | undefined;
  /** There was something of it before. */
  readonly #continued: boolean;
  #closed = false;

  private constructor(path: string, handle: FileHandle, part: Part | undefined, bytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.#part = part;
    this.#continued = bytes > 0;
    this.bytes = bytes;
  }

  /**
   * @param id of the blob that all of the file is; its name may be an alias
   * @throws Error when it cannot be written
   */
  static async open(path: string, id: string | undefined): Promise<OutputFile> {
    try {
      const there = await stat(path).catch(() => undefined);
      if (there?.isDirectory() === true) throw new Error('it is a directory');
      if (there?.isFile() === false) return new OutputFile(path, await open(path, 'w'), undefined, 0);
      const part = { path: `${path}.${id?.split(':')[1]?.slice(0, ID_CHARACTERS) ?? String(process.pid)}.part`, id };
      const handle = await open(part.path, constants.O_RDWR | constants.O_CREAT);
      const { size } = await handle.stat();
      // The last leaf is asked for again, so that there is always something to ask for.
      const keptBytes = id === undefined ? 0 : LEAF_BYTES * Math.floor(Math.max(0, size - 1) / LEAF_BYTES);
      await handle.truncate(keptBytes);
      return new OutputFile(path, handle, part, keptBytes);
    } catch (cause) {
      throw new Error(`${path} cannot be written; name another file: ${(cause as Error).message}`, { cause });
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const position = this.#part === undefined ? null : this.bytes;
      const { bytesWritten } = await this.#handle.write(chunk, at, chunk.length - at, position);
      at += bytesWritten;
      this.bytes += bytesWritten;
    }
  }

  /** Gives the file its name. @throws Error when what was there before was not of this blob */
  async finish(): Promise<void> {
    if (this.#part === undefined) return;
    const { path, id } = this.#part;
    await this.#handle.sync();
    if (this.#continued) {
      const found = await identifyBlob({ file: path });
      if (found.id !== id && found.b3 !== id) {
        await rm(path);
        throw new BadAnswer(`what an earlier transfer had left in ${path} was damaged, and is removed; give the command again`);
      }
    }
    await rename(path, this.#path);
  }

  /** Closes it; what is not complete stays when it can be continued. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#handle.close();
    if (this.#part !== undefined && (this.#part.id === undefined || this.bytes < LEAF_BYTES)) await rm(this.#part.path, { force: true });
  }
}
