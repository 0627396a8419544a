/** Bytes on the disk of the parts of a data folder. */
export interface FolderBytes {
  readonly mailbox: number;
  readonly storage: number;
  readonly audit: number;
  /** Keys, revocations, ids and locks. */
  readonly rest: number;
}

/** Open descriptors by what they lead to. */
export interface Descriptors {
  readonly sockets: number;
  readonly files: number;
  /** Pipes, and what the event loops have. */
  readonly others: number;
}

/** A node at one moment. */
export interface Sample {
  /** Since the begin of the load, milliseconds. */
  readonly atMs: number;
  /** Which start of the process this was, from 0. */
  readonly life: number;
  /** Since that start, milliseconds. */
  readonly ageMs: number;
  readonly descriptors: Descriptors;
  readonly rssBytes: number;
  readonly heapBytes: number;
  readonly loopDelayMs: number;
  readonly connections: number;
  readonly folder: FolderBytes;
}
