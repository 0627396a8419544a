import { constants, fstatSync, read, readSync } from 'node:fs';
import { mkdir, open, opendir, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { LRUCache } from 'lru-cache';
import { FOLDERS_KNOWN_MAX } from '../limits.ts';
import { StoreError } from './blob-store.ts';
import type { BlobStore, StoredFile } from './blob-store.ts';
import { OpenFiles } from './open-files.ts';
import { RecentFiles } from './recent-files.ts';

const OBJECTS = 'blobs';
const PARTS = 'parts';
const QUARANTINE = 'quarantine';
const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/** Blobs as files in a folder, which only its owner may read. */
export class DiskStore implements BlobStore {
  readonly #path: string;
  readonly #objects: string;
  readonly #files = new OpenFiles();
  readonly #recent = new RecentFiles();
  /** Parts that are being written. */
  readonly #parts = new Map<string, FileHandle>();
  /** Folders that are there and survive a loss of power, or soon will. */
  readonly #folders = new LRUCache<string, Promise<void>>({ max: FOLDERS_KNOWN_MAX });

  private constructor(path: string) {
    this.#path = path;
    this.#objects = join(path, OBJECTS, sep);
  }

  /** Makes the folder where it is not there. */
  static async open(path: string): Promise<DiskStore> {
    const store = new DiskStore(path);
    for (const folder of [OBJECTS, PARTS, QUARANTINE]) await store.#makeFolder(join(path, folder));
    return store;
  }

  async read(object: string, at: number, bytes: number, memory?: Uint8Array): Promise<Uint8Array> {
    const into = memory !== undefined && memory.length > bytes ? memory : Buffer.allocUnsafeSlow(bytes + 1);
    try {
      const found = await this.#files.with(this.#object(object), (descriptor) => readAt(descriptor, at, bytes, into));
      this.#recent.note(object);
      return found;
    } catch (error) {
      throw StoreError.from(error);
    }
  }

  readAtHand(object: string, bytes: number, memory: Uint8Array): Uint8Array | undefined {
    if (!this.#recent.has(object)) return undefined;
    const startMs = performance.now();
    try {
      const descriptor = this.#files.openedNow(this.#object(object));
      if (descriptor === undefined || readSync(descriptor, memory, 1, bytes, 0) !== bytes) return undefined;
      return memory.subarray(1, 1 + bytes);
    } catch {
      // Whoever reads it in the other way is told.
      return undefined;
    } finally {
      this.#recent.took(performance.now() - startMs);
    }
  }

  version(object: string): number | undefined {
    const descriptor = this.#files.opened(this.#object(object));
    try {
      // Of an open file this is a look into memory, and any change of its bytes moves it.
      return descriptor === undefined ? undefined : fstatSync(descriptor).ctimeMs;
    } catch {
      return undefined;
    }
  }

  async append(part: string, at: number, bytes: Uint8Array): Promise<void> {
    try {
      const file = await this.#openPart(part, at);
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw StoreError.from(error);
    }
  }

  async sync(part: string): Promise<void> {
    try {
      await this.#parts.get(part)?.datasync();
    } catch (error) {
      throw StoreError.from(error);
    }
  }

  async partBytes(part: string): Promise<number> {
    try {
      return (await stat(this.#part(part))).size;
    } catch {
      return 0;
    }
  }

  async readPart(part: string, at: number, bytes: number): Promise<Uint8Array> {
    try {
      const file = await open(this.#part(part), 'r');
      try {
        return await readAt(file.fd, at, bytes, Buffer.allocUnsafeSlow(bytes + 1));
      } finally {
        await file.close();
      }
    } catch (error) {
      throw StoreError.from(error);
    }
  }

  async commit(part: string, object: string): Promise<void> {
    try {
      const path = this.#object(object);
      await this.#makeFolder(dirname(path));
      await this.#parts.get(part)?.datasync();
      await this.release(part);
      await rename(this.#part(part), path);
      this.#files.forget(path);
      this.#recent.note(object);
      await syncFolder(dirname(path));
    } catch (error) {
      throw StoreError.from(error);
    }
  }

  async discard(part: string): Promise<void> {
    await this.release(part);
    await rm(this.#part(part), { force: true });
  }

  async release(part: string): Promise<void> {
    const file = this.#parts.get(part);
    this.#parts.delete(part);
    await file?.close();
  }

  async remove(object: string): Promise<void> {
    const path = this.#object(object);
    this.#recent.forget(object);
    this.#files.forget(path);
    await rm(path, { force: true });
  }

  async quarantine(object: string): Promise<void> {
    const from = this.#object(object);
    const to = join(this.#path, QUARANTINE, object);
    await this.#makeFolder(dirname(to));
    this.#recent.forget(object);
    this.#files.forget(from);
    try {
      await rename(from, to);
    } catch (error) {
      // A file that is lost is damaged as well, and there is nothing to move.
      if (StoreError.from(error).fault !== 'missing') throw StoreError.from(error);
    }
  }

  async removeQuarantined(object: string): Promise<void> {
    await rm(join(this.#path, QUARANTINE, object), { force: true });
  }

  async *list(): AsyncIterable<StoredFile> {
    yield* this.#filesIn(PARTS, 'part');
    yield* this.#filesIn(OBJECTS, 'object');
    yield* this.#filesIn(QUARANTINE, 'quarantined');
  }

  async close(): Promise<void> {
    this.#files.close();
    for (const part of [...this.#parts.keys()]) await this.release(part);
  }

  async *#filesIn(folder: string, kind: StoredFile['kind'], below = ''): AsyncIterable<StoredFile> {
    const folders: string[] = [];
    for await (const entry of await opendir(join(this.#path, folder, below))) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) folders.push(name);
      else if (entry.isFile()) {
        const changedMs = await stat(join(this.#path, folder, name)).then(({ ctimeMs }) => ctimeMs, () => undefined);
        if (changedMs !== undefined) yield { kind, name, changedMs };
      }
    }
    for (const name of folders) yield* this.#filesIn(folder, kind, name);
  }

  async #openPart(part: string, at: number): Promise<FileHandle> {
    const known = this.#parts.get(part);
    if (known !== undefined) return known;
    const file = await open(this.#part(part), constants.O_RDWR | constants.O_CREAT, PRIVATE_FILE);
    this.#parts.set(part, file);
    await file.truncate(at);
    return file;
  }

  #makeFolder(path: string): Promise<void> {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const made = makeFolder(this.#path, path);
    this.#folders.set(path, made);
    made.catch(() => this.#folders.delete(path));
    return made;
  }

  #object(name: string): string {
    return this.#objects + name;
  }

  #part(name: string): string {
    return join(this.#path, PARTS, name);
  }
}

/** Makes a folder below `top`. What is above it is synced even when it was there: a crash may have come before that. */
async function makeFolder(top: string, path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE_FOLDER });
  for (let folder = path; folder.length >= top.length; folder = dirname(folder)) await syncFolder(folder);
  await syncFolder(dirname(top));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Reads into memory with a byte to spare in front, as `BlobStore.read` promises. */
function readAt(descriptor: number, at: number, bytes: number, memory: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const step = (done: number): void => {
      read(descriptor, memory, 1 + done, bytes - done, at + done, (error, got) => {
        if (error !== null) reject(error);
        else if (got === 0 || done + got === bytes) resolve(memory.subarray(1, 1 + done + got));
        else step(done + got);
      });
    };
    step(0);
  });
}
