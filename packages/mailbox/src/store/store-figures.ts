/** Upper bounds of the times of commits: each twice the one before, from 64 us to 4.2 s. */
export const COMMIT_BOUNDS_SECONDS: readonly number[] = Array.from({ length: 17 }, (_, index) => (64 * 2 ** index) / 1_000_000);

/** What a store on disk counts, as plain data. */
export class StoreFigures {
  /** Commits by how long they took, to COMMIT_BOUNDS_SECONDS and beyond them. */
  readonly commits = new Array<number>(COMMIT_BOUNDS_SECONDS.length + 1).fill(0);
  commitsMs = 0;
  checkpoints = 0;
  checkpointsMs = 0;
  /** Bytes of the commits since the last checkpoint. */
  journalBytes = 0;
  /** Bytes of the tree that are in use, as of the last checkpoint. */
  treeBytes = 0;
  /** Whether messages can be taken. */
  hasRoom = true;

  committed(tookMs: number, journalBytes: number): void {
    // The number of a bucket is that of the highest bit of what is above the first one.
    const above = Math.max(Math.ceil(tookMs * 1_000) - 1, 0) >>> 6;
    const index = Math.min(32 - Math.clz32(above), this.commits.length - 1);
    this.commits[index] = (this.commits[index] as number) + 1;
    this.commitsMs += tookMs;
    this.journalBytes = journalBytes;
  }

  checkpointed(tookMs: number): void {
    this.checkpoints++;
    this.checkpointsMs += tookMs;
    this.journalBytes = 0;
  }
}
