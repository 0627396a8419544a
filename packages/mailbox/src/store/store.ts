/**
 * Keys are binary strings: one character from U+0000 to U+00FF for each byte.
 * They compare as their bytes do, so that a range is a range in any engine.
 */
export type Key = string;

/** A key and what is stored under it. */
export interface Entry {
  readonly key: Key;
  readonly value: Uint8Array;
}

/**
 * What the broker needs of a store: reads, and decided writes that become durable
 * together. Only bytes cross it. Reads see what was written since the last commit.
 */
export interface Store {
  /** About the bytes of the writes since the last commit; 0 when there are none. */
  readonly writtenBytes: number;
  /** What a SEND may promise once `commit` returned. */
  readonly durability: 'memory' | 'disk';
  /** False when there is no room for further messages; what makes room must still work. */
  readonly hasRoom: boolean;
  /** The value must not be changed. */
  get(key: Key): Uint8Array | undefined;
  /** The first entries from `from`, included, to `below`, excluded, in the order of keys. */
  range(from: Key, below: Key, limit: number): Entry[];
  /** Writes a key that does not exist now; the value must not be changed afterwards. */
  insert(key: Key, value: Uint8Array): void;
  /** Writes a key that may exist. */
  put(key: Key, value: Uint8Array): void;
  /** Removes a key that exists now. */
  remove(key: Key): void;
  /**
   * Makes everything written since the last commit durable, all of it or nothing.
   *
   * @throws Error when that is not certain; the store must not be used any more then
   */
  commit(): void;
  /** Lets go of files. What was not committed is gone. */
  close(): void;
}
