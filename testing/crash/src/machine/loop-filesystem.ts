import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DISK_HOLDS_BACK_SECONDS } from '../bounds.ts';
import { run } from './command.ts';
import { PowerSwitch } from './power-switch.ts';
import { undoAtExit } from './undo.ts';

const PREFIX = 'omnigate-crash-';
/** Where there is memory enough the disk is in memory: its flushes take no time of a real one. */
const MEMORY = '/dev/shm';
const PLACES = existsSync(MEMORY) ? [tmpdir(), MEMORY] : [tmpdir()];

/**
 * A small ext4 filesystem of its own, in a file, that loses power when asked
 * to: what was not flushed by then is gone, as on a machine whose plug was
 * pulled. Needs root and loop devices.
 */
export class LoopFilesystem implements AsyncDisposable {
  /** Where it is mounted. */
  readonly path: string;
  readonly #folder: string;
  readonly #image: string;
  readonly #forget: () => void;
  #switch: PowerSwitch;

  private constructor(sizeBytes: number) {
    for (const place of PLACES) removeLeftovers(place);
    this.#folder = mkdtempSync(join(placeFor(sizeBytes), `${PREFIX}${process.pid}-`));
    this.#image = join(this.#folder, 'image');
    this.path = join(this.#folder, 'disk');
    mkdirSync(this.path);
    this.#forget = undoAtExit(() => {
      remove(this.#folder);
    });
    this.#switch = new PowerSwitch(this.path);
  }

  /**
   * @param sizeBytes size of the disk, which takes only what is written to it
   * @throws Error when this machine cannot
   */
  static async create(sizeBytes: number): Promise<LoopFilesystem> {
    const disk = new LoopFilesystem(sizeBytes);
    try {
      await writeFile(disk.#image, '');
      await truncate(disk.#image, sizeBytes);
      await run('mkfs.ext4', '-q', '-m', '0', disk.#image);
      await disk.#mount();
      return disk;
    } catch (error) {
      disk.#remove();
      throw error;
    }
  }

  /**
   * The power goes: the process ends where it is, and what is not on the disk
   * never gets there.
   *
   * @param pid the process that uses the disk, if there is one
   */
  async cut(pid?: number): Promise<void> {
    await this.#switch.off(pid);
  }

  /** The power is back: mounted again, with what had reached the disk. */
  async restore(): Promise<void> {
    await run('umount', this.path);
    await this.#mount();
    this.#switch = new PowerSwitch(this.path);
  }

  /**
   * Has its structure checked, while it is not mounted.
   *
   * @throws Error with what is damaged
   */
  async check(): Promise<void> {
    await run('umount', this.path);
    await run('e2fsck', '-f', '-n', this.#image);
    await this.#mount();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await run('umount', this.path);
    } finally {
      this.#remove();
    }
  }

  /** The loop device is the mount's own and goes with it. */
  async #mount(): Promise<void> {
    await run('mount', '-o', `loop,commit=${DISK_HOLDS_BACK_SECONDS}`, this.#image, this.path);
  }

  #remove(): void {
    this.#switch[Symbol.dispose]();
    this.#forget();
    remove(this.#folder);
  }
}

function placeFor(sizeBytes: number): string {
  if (!PLACES.includes(MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  // Twice the size, so that nobody else runs out of memory.
  return bavail * bsize >= 2 * sizeBytes ? MEMORY : tmpdir();
}

/** Lazily, since processes may still have files open there: the loop device goes with the last of them. */
function remove(folder: string): void {
  spawnSync('umount', ['-l', join(folder, 'disk')], { stdio: 'ignore' });
  rmSync(folder, { recursive: true, force: true });
}

/** Removes what runs have left that were killed. */
function removeLeftovers(place: string): void {
  for (const name of readdirSync(place)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) remove(join(place, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
