import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { TemporaryFolder } from '@omnigate/harness';
import { run } from './command.ts';
import { undoAtExit } from './undo.ts';

/** The same place seen from src/ and dist/. */
const SOURCE = fileURLToPath(new URL('../../faults/faults.c', import.meta.url));

/** Places of the fields in the page that faults.c maps. */
const Field = { NO_FLUSH: 0, FAILING: 4, AT: 8, ERROR: 12, FROM_THEN: 16, CALLS: 20, FAILED: 24, CLOCK_SECONDS: 32 } as const;
const PAGE_BYTES = 4_096;
/** The calls that can be made to fail, by their number in faults.c. */
const Calls = { write: 1, flush: 2 } as const;

/** A call that fails. */
export interface Fault {
  /** write: write and its relatives; flush: fsync and its relatives. */
  readonly call: keyof typeof Calls;
  /** Which one from now on, from 1. */
  readonly at: number;
  readonly error: 'EIO' | 'ENOSPC';
  /** All calls after it fail too. */
  readonly fromThen?: boolean;
}

/** Faults of the disk and of the clock for processes that are started with `env`. Needs a C compiler. */
export class Faults implements Disposable {
  readonly env: Readonly<Record<string, string>>;
  readonly #folder: TemporaryFolder;
  readonly #control: number;
  readonly #forget: () => void;

  private constructor(folder: TemporaryFolder, library: string, below: string) {
    this.#folder = folder;
    const control = folder.file('control');
    this.#control = openSync(control, 'w+');
    writeSync(this.#control, Buffer.alloc(PAGE_BYTES));
    this.env = { LD_PRELOAD: library, CRASH_CONTROL: control, CRASH_BELOW: below };
    this.#forget = undoAtExit(() => {
      folder[Symbol.dispose]();
    });
  }

  /**
   * @param below the folder whose files are meant
   * @throws Error when this machine cannot
   */
  static async create(below: string): Promise<Faults> {
    const folder = new TemporaryFolder();
    try {
      const library = folder.file('faults.so');
      await run('gcc', '-Wall', '-Werror', '-O1', '-shared', '-fPIC', '-o', library, SOURCE, '-ldl');
      return new Faults(folder, library, below);
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether flushes do what they are for. */
  set flushing(flushing: boolean) {
    this.#write(Field.NO_FLUSH, flushing ? 0 : 1);
  }

  /** Seconds by which the wall clock is ahead. */
  set clockSeconds(seconds: number) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    writeSync(this.#control, bytes, 0, 8, Field.CLOCK_SECONDS);
  }

  /** Calls of the armed kind so far. */
  get calls(): number {
    return this.#read(Field.CALLS);
  }

  /** Calls that failed so far. */
  get failed(): number {
    return this.#read(Field.FAILED);
  }

  /** Has a call fail; none when absent. The counts begin at 0. */
  arm(fault?: Fault): void {
    this.#write(Field.FAILING, 0);
    for (const field of [Field.CALLS, Field.FAILED]) this.#write(field, 0);
    if (fault === undefined) return;
    this.#write(Field.AT, fault.at);
    this.#write(Field.ERROR, constants.errno[fault.error]);
    this.#write(Field.FROM_THEN, fault.fromThen === true ? 1 : 0);
    this.#write(Field.FAILING, Calls[fault.call]);
  }

  [Symbol.dispose](): void {
    this.#forget();
    closeSync(this.#control);
    this.#folder[Symbol.dispose]();
  }

  #write(field: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    writeSync(this.#control, bytes, 0, 4, field);
  }

  #read(field: number): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#control, bytes, 0, 4, field);
    return bytes.readUInt32LE();
  }
}
