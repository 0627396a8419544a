import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMIT_BYTES_MAX } from '../src/limits.ts';
import { DiskStore } from '../src/store/disk-store.ts';

/** The least that works, so that a test does not write megabytes of zeros. */
const SMALL = { journalBytes: COMMIT_BYTES_MAX + 262_144, headroomBytes: 65_536 };

/** A store on disk in a folder that goes with it. */
export class TemporaryStore implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'omnigate-mailbox-'));
  store = new DiskStore(this.folder, SMALL);

  /** As after a crash: what was not committed is gone. */
  reopen(): DiskStore {
    this.store.close();
    this.store = new DiskStore(this.folder, SMALL);
    return this.store;
  }

  [Symbol.dispose](): void {
    this.store.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
