import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import type { Base, Change } from './memtable.ts';
import type { Entry, Key } from './store.ts';

/** How far the base is: commits up to this one are in it. */
const APPLIED_KEY = Buffer.from([0]);
const BINARY = { keyEncoding: 'binary', encoding: 'binary' } as const;

/** Bytes of the file. */
interface Space {
  /** Up to here it was written at some time. */
  readonly reachedBytes: number;
  /** So much holds something now; what is between is used again. */
  readonly livingBytes: number;
}

/** Pages of one of the trees in the file. */
interface PageCounts {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

/** What lmdb tells of itself, as far as it is of use; its types leave it out. */
interface Stats extends PageCounts {
  readonly lastPageNumber: number;
  readonly pageSize: number;
  readonly root: PageCounts;
  readonly free: PageCounts;
}

/** A B-tree on disk, which checkpoints bring up to date. */
export class LmdbBase implements Base {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #tree: Database<Buffer, Buffer>;

  /**
   * @param path folder of the tree; made when it does not exist
   * @param mapBytes most bytes it may ever take
   */
  constructor(path: string, mapBytes: number) {
    // Without overlappingSync a commit returns when its bytes are on disk, and
    // a failed one leaves nothing that could be seen (docs/adr/0010-mailbox-engine.md).
    this.#root = open<Buffer, Buffer>({ path, overlappingSync: false, mapSize: mapBytes, maxDbs: 2, noMemInit: false, ...BINARY });
    this.#tree = this.#root.openDB<Buffer, Buffer>({ name: 'mailbox', ...BINARY });
  }

  get applied(): number {
    return this.#tree.getBinary(APPLIED_KEY)?.readDoubleBE() ?? 0;
  }

  /** How much of the file is, or was, in use. */
  get space(): Space {
    const { lastPageNumber, pageSize, root, free, ...tree } = this.#tree.getStats() as Stats;
    // Two pages say which state of the tree is the newest.
    const pages = [tree, root, free].reduce((sum, { treeBranchPageCount, treeLeafPageCount, overflowPages }) => sum + treeBranchPageCount + treeLeafPageCount + overflowPages, 2);
    return { reachedBytes: (lastPageNumber + 1) * pageSize, livingBytes: pages * pageSize };
  }

  get(key: Key): Uint8Array | undefined {
    return this.#tree.getBinary(Buffer.from(key, 'latin1'));
  }

  range(from: Key, below: Key, limit: number): Entry[] {
    const entries: Entry[] = [];
    const options = { start: Buffer.from(from, 'latin1'), end: Buffer.from(below, 'latin1'), limit };
    for (const { key, value } of this.#tree.getRange(options)) {
      entries.push({ key: key.toString('latin1'), value });
    }
    return entries;
  }

  /**
   * Writes changes in one transaction, durable when it returns.
   *
   * @param applied the commit that the base is at afterwards; undefined when more follows
   * @throws Error when that is not certain
   */
  apply(changes: readonly Pick<Change, 'key' | 'value'>[], applied: number | undefined): void {
    const tree = this.#tree;
    tree.transactionSync(() => {
      for (const { key, value } of changes) {
        const binary = Buffer.from(key, 'latin1');
        // The results are of no interest: what fails here fails the transaction.
        if (value === undefined) void tree.remove(binary);
        else void tree.put(binary, value as Buffer);
      }
      if (applied !== undefined) {
        const value = Buffer.allocUnsafe(8);
        value.writeDoubleBE(applied);
        void tree.put(APPLIED_KEY, value);
      }
    });
  }

  close(): void {
    // The promise settles at once when no write is under way, and here none ever is.
    void this.#root.close();
  }
}
