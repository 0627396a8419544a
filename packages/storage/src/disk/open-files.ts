import { close, closeSync, open, openSync } from 'node:fs';
import { OPEN_FILES_MAX } from '../limits.ts';

/** A file that is kept open for further reads. */
interface OpenFile {
  readonly descriptor: Promise<number>;
  /** The same, once it is there. */
  number: number | undefined;
  users: number;
  forgotten: boolean;
}

/** Descriptors of files that are read often, the least recently used closed first and none while it is read. */
export class OpenFiles {
  readonly #files = new Map<string, OpenFile>();

  /** Runs `use` with a descriptor that stays open until it is done. */
  async with<T>(path: string, use: (descriptor: number) => Promise<T>): Promise<T> {
    const file = this.#acquire(path);
    try {
      return await use(await file.descriptor);
    } catch (error) {
      // What could not be opened may be there the next time.
      this.forget(path);
      throw error;
    } finally {
      file.users -= 1;
      if (file.users === 0 && file.forgotten) closeFile(file);
    }
  }

  /**
   * A descriptor of a file, opened at once where it is not: good until others have
   * their turn. `undefined` while somebody else opens it.
   */
  openedNow(path: string): number | undefined {
    let file = this.#files.get(path);
    if (file === undefined) {
      this.#makeRoom();
      const number = openSync(path, 'r');
      file = { descriptor: Promise.resolve(number), number, users: 0, forgotten: false };
    } else {
      this.#files.delete(path);
    }
    this.#files.set(path, file);
    return file.number;
  }

  /** The descriptor of a file that is open. */
  opened(path: string): number | undefined {
    return this.#files.get(path)?.number;
  }

  /** The file of this name is another one from now on. */
  forget(path: string): void {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#files.delete(path);
    file.forgotten = true;
    if (file.users === 0) closeFile(file);
  }

  /** Closes all that nobody reads; the rest when it was read. */
  close(): void {
    for (const path of [...this.#files.keys()]) this.forget(path);
  }

  #acquire(path: string): OpenFile {
    let file = this.#files.get(path);
    if (file === undefined) {
      this.#makeRoom();
      const opened: OpenFile = { descriptor: openFile(path), number: undefined, users: 0, forgotten: false };
      opened.descriptor.then(
        (fd) => {
          opened.number = fd;
        },
        () => undefined,
      );
      file = opened;
    } else {
      this.#files.delete(path);
    }
    this.#files.set(path, file);
    file.users += 1;
    return file;
  }

  #makeRoom(): void {
    if (this.#files.size < OPEN_FILES_MAX) return;
    for (const [path, file] of this.#files) {
      if (file.users > 0 || file.number === undefined) continue;
      this.#files.delete(path);
      // A file that is still there is closed without a look at the disk.
      closeSync(file.number);
      return;
    }
  }
}

function openFile(path: string): Promise<number> {
  const descriptor = new Promise<number>((resolve, reject) => {
    open(path, 'r', (error, fd) => {
      if (error === null) resolve(fd);
      else reject(error);
    });
  });
  // Whoever reads hears of a failure; closing it does not matter then.
  descriptor.catch(() => undefined);
  return descriptor;
}

function closeFile(file: OpenFile): void {
  file.descriptor.then(
    (fd) => {
      close(fd, () => undefined);
    },
    () => undefined,
  );
}
