import { closeSync, constants, fsyncSync, fstatSync, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKPOINT_BYTES, CHECKPOINT_CHUNK_KEYS, CHECKPOINT_KEYS, HEADROOM_BYTES, HEADROOM_RETRY_MS, HEADROOM_STEP_BYTES, JOURNAL_BYTES, MAP_BYTES } from '../limits.ts';
import { Journal, syncFolder, writeAll } from './journal.ts';
import { LmdbBase } from './lmdb-base.ts';
import { Memtable } from './memtable.ts';
import { StoreFigures } from './store-figures.ts';
import type { Entry, Key, Store } from './store.ts';

/** Sizes of the files; tests take small ones. */
export interface DiskStoreOptions {
  readonly journalBytes?: number;
  readonly headroomBytes?: number;
  /** Most that the tree may take, headroom included. */
  readonly treeBytesMax?: number;
}

/**
 * The store of a node: a commit is appended to a journal and flushed once; what
 * outlives some megabytes of commits goes to a B-tree. Both files have their
 * blocks before they need them, so that a full disk refuses new messages and
 * nothing else.
 */
export class DiskStore implements Store {
  readonly durability = 'disk';
  readonly figures = new StoreFigures();
  readonly #folder: string;
  readonly #headroomBytes: number;
  readonly #treeBytesMax: number;
  readonly #journal: Journal;
  readonly #base: LmdbBase;
  readonly #table: Memtable;
  #sequence: number;
  #hasRoom = true;
  #roomLookedForMs = 0;

  /**
   * Opens the store in a folder, which is made, and brings it up to its last commit.
   *
   * @throws Error of the file system
   */
  constructor(folder: string, { journalBytes = JOURNAL_BYTES, headroomBytes = HEADROOM_BYTES, treeBytesMax = MAP_BYTES }: DiskStoreOptions = {}) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#folder = folder;
    this.#headroomBytes = headroomBytes;
    this.#treeBytesMax = treeBytesMax;
    this.#journal = new Journal(join(folder, 'journal'), journalBytes);
    try {
      this.#base = new LmdbBase(join(folder, 'tree'), MAP_BYTES);
    } catch (error) {
      this.#journal.close();
      throw error;
    }
    this.#table = new Memtable(this.#base);
    this.#sequence = this.#base.applied;
    try {
      this.#recover();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get writtenBytes(): number {
    return this.#table.writtenBytes;
  }

  get hasRoom(): boolean {
    if (!this.#hasRoom && performance.now() - this.#roomLookedForMs >= HEADROOM_RETRY_MS) {
      // Removals make room only once the tree has heard of them. In the middle of a commit that has to wait.
      if (this.#table.writtenBytes === 0 && this.#table.size > 0) this.#checkpoint();
      else this.#makeRoom();
    }
    return this.#hasRoom;
  }

  get(key: Key): Uint8Array | undefined {
    return this.#table.get(key);
  }

  range(from: Key, below: Key, limit: number): Entry[] {
    return this.#table.range(from, below, limit);
  }

  insert(key: Key, value: Uint8Array): void {
    this.#table.insert(key, value);
  }

  put(key: Key, value: Uint8Array): void {
    this.#table.put(key, value);
  }

  remove(key: Key): void {
    this.#table.remove(key);
  }

  commit(): void {
    if (this.#table.writtenBytes === 0) return;
    const begunAt = performance.now();
    this.#journal.append(this.#sequence + 1, this.#table.pending());
    this.figures.committed(performance.now() - begunAt, this.#journal.bytes);
    this.#sequence++;
    this.#table.committed();
    if (this.#journal.isFull || this.#table.bytes > CHECKPOINT_BYTES || this.#table.size > CHECKPOINT_KEYS) this.#checkpoint();
  }

  close(): void {
    this.#journal.close();
    this.#base.close();
  }

  /**
   * What was read may only be in the memory of the machine, when an earlier
   * flush of it failed; so it goes to the base, by another way, before it counts.
   */
  #recover(): void {
    for (const writes of this.#journal.replay(this.#sequence)) {
      for (const { key, value } of writes) {
        if (value === undefined) this.#table.remove(key);
        else this.#table.put(key, value);
      }
      this.#sequence++;
    }
    this.#table.committed();
    // The number of this start separates its commits from what an earlier one left in the journal.
    this.#sequence++;
    this.#checkpoint();
    syncFolder(this.#folder);
  }

  #checkpoint(): void {
    const begunAt = performance.now();
    const changes = [...this.#table.changes()];
    // In the order of the tree neighbours are found on one page.
    changes.sort((a, b) => (a.key < b.key ? -1 : 1));
    let at = 0;
    // Each change says what a key has afterwards, so that a checkpoint that was cut off is simply made again.
    for (; changes.length - at > CHECKPOINT_CHUNK_KEYS; at += CHECKPOINT_CHUNK_KEYS) {
      this.#base.apply(changes.slice(at, at + CHECKPOINT_CHUNK_KEYS), undefined);
    }
    this.#base.apply(changes.slice(at), this.#sequence);
    this.#table.clear();
    this.#journal.rewind();
    this.#makeRoom();
    this.figures.checkpointed(performance.now() - begunAt);
  }

  /**
   * Extends the file of the tree with blocks that a checkpoint can count on;
   * without them nothing new is taken. When they cannot be had, as many between
   * what is in use do as well: a tree that was emptied does not shrink.
   */
  #makeRoom(): void {
    this.#roomLookedForMs = performance.now();
    const { reachedBytes, livingBytes } = this.#base.space;
    const path = join(this.#folder, 'tree', 'data.mdb');
    const wanted = reachedBytes + this.#headroomBytes;
    const extended = wanted <= this.#treeBytesMax && extendFile(path, wanted);
    this.#hasRoom = extended || reachedBytes - livingBytes >= this.#headroomBytes;
    this.figures.hasRoom = this.#hasRoom;
    this.figures.treeBytes = livingBytes;
  }
}

/** Makes a file at least so long, with blocks that are really there; false when the disk is full. */
function extendFile(path: string, bytes: number): boolean {
  if (statSync(path).size >= bytes) return true;
  const fd = openSync(path, constants.O_WRONLY);
  try {
    let at = fstatSync(fd).size;
    const zeros = Buffer.alloc(Math.min(HEADROOM_STEP_BYTES, bytes - at));
    for (; at < bytes; at += zeros.length) writeAll(fd, zeros, zeros.length, at);
    fsyncSync(fd);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}
