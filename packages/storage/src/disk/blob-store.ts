/**
 * Where the bytes of blobs lie. Everything that crosses is data, so that an
 * object store on another machine can stand behind it: an object is written as
 * a part, in order, and becomes an object in one step that is durable.
 */
export interface BlobStore {
  /**
   * Bytes of an object from `at` on, fewer where it ends before. They are the
   * caller's own to change, and so is the byte of memory before them.
   *
   * @param memory where they may be put, behind its first byte, if there is room
   * @throws StoreError
   */
  read(object: string, at: number, bytes: number, memory?: Uint8Array): Promise<Uint8Array>;
  /**
   * All bytes of an object, into `memory` behind its first byte, if the store can
   * most likely have them there without waiting; `undefined` when it cannot, or
   * they are not as many. Everybody else waits meanwhile.
   */
  readAtHand(object: string, bytes: number, memory: Uint8Array): Uint8Array | undefined;
  /**
   * A number that is another one after an object was changed where it lies, as far
   * as the store can tell without waiting; `undefined` when it cannot tell.
   */
  version(object: string): number | undefined;
  /** Writes at the end of a part, `at`, which is made when `at` is 0. What lay behind `at` is dropped. @throws StoreError */
  append(part: string, at: number, bytes: Uint8Array): Promise<void>;
  /** Makes what was appended survive a loss of power. @throws StoreError */
  sync(part: string): Promise<void>;
  /** Bytes that a part has; 0 when there is none. */
  partBytes(part: string): Promise<number>;
  /** Bytes of a part from `at` on. @throws StoreError */
  readPart(part: string, at: number, bytes: number): Promise<Uint8Array>;
  /** Makes an object of a part, in place of one that is there, so that it survives a loss of power. @throws StoreError */
  commit(part: string, object: string): Promise<void>;
  /** Lets go of a part; one that is not there is fine. */
  discard(part: string): Promise<void>;
  /** Lets go of what a part holds open; its bytes stay. */
  release(part: string): Promise<void>;
  /** Removes an object; one that is not there is fine. */
  remove(object: string): Promise<void>;
  /** Moves a damaged object aside, where nothing reads it. */
  quarantine(object: string): Promise<void>;
  /** Removes a damaged object that was moved aside; one that is not there is fine. */
  removeQuarantined(object: string): Promise<void>;
  /** Objects and parts with the time they were last changed, Unix milliseconds. */
  list(): AsyncIterable<StoredFile>;
  close(): Promise<void>;
}

/** What lies in a store. */
export interface StoredFile {
  readonly kind: 'object' | 'part' | 'quarantined';
  readonly name: string;
  readonly changedMs: number;
}

/** Why a store could not do what it was asked to: no room, no descriptors, nothing there, or the disk. */
export type StoreFault = 'full' | 'busy' | 'missing' | 'io';

/** What a store throws. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly fault: StoreFault;

  constructor(fault: StoreFault, cause: unknown) {
    super(`the store failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.fault = fault;
  }

  static from(cause: unknown): StoreError {
    if (cause instanceof StoreError) return cause;
    return new StoreError(FAULTS[(cause as NodeJS.ErrnoException).code ?? ''] ?? 'io', cause);
  }
}

const FAULTS: Readonly<Record<string, StoreFault>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EMFILE: 'busy',
  ENFILE: 'busy',
  ENOMEM: 'busy',
  ENOENT: 'missing',
};
