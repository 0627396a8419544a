import { Worker } from 'node:worker_threads';
import { HANG_CPU_MS, HEAP_MIB_MAX, STOP_WAIT_MS, WATCH_INTERVAL_MS } from './bounds.ts';
import { Folder, keepInput } from './engine/input-files.ts';
import { kindOf } from './engine/search.ts';
import type { Totals } from './engine/search.ts';
import { SharedState } from './shared-state.ts';
import type { FoundMessage, TurnOrder, WorkerMessage } from './turn-messages.ts';

/** Also the name of the module of the thread, as built and in source. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** The targets of this package. */
export const REGISTRY = new URL(`./targets${EXTENSION}`, import.meta.url).href;

/** Who hears of a turn. */
export interface TurnEvents {
  found(found: FoundMessage): void;
  skipped(why: string): void;
  selected?(inputs: number, bytes: number): void;
}

/** A turn of a target in a thread that is watched: what never ends, or takes all memory, is a finding too. */
export class Turn {
  /** Settles when the thread is gone. */
  readonly ended: Promise<void>;
  readonly #order: Omit<TurnOrder, 'shared'>;
  readonly #events: TurnEvents;
  readonly #shared = new SharedState();
  readonly #worker: Worker;
  readonly #hangCpuMs: number;
  #beats = -1;
  #cpuAtBeat = process.cpuUsage();

  /** @param hangCpuMs CPU time without a sign of life after which an input counts as endless */
  constructor(order: Omit<TurnOrder, 'shared'>, events: TurnEvents, hangCpuMs = HANG_CPU_MS) {
    this.#order = order;
    this.#hangCpuMs = hangCpuMs;
    this.#events = events;
    this.#worker = new Worker(new URL(`./worker-main${EXTENSION}`, import.meta.url), {
      workerData: { ...order, shared: this.#shared.buffer } satisfies TurnOrder,
      name: order.target,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
    });
    this.ended = this.#watch();
  }

  get totals(): Totals {
    return this.#shared.totals;
  }

  /** Asks the thread to end, and ends it when it does not. */
  stop(): void {
    this.#shared.stop();
    setTimeout(() => void this.#worker.terminate(), STOP_WAIT_MS).unref();
  }

  #watch(): Promise<void> {
    const timer = setInterval(() => {
      this.#look();
    }, WATCH_INTERVAL_MS);
    this.#worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'found') this.#events.found(message);
      else if (message.kind === 'skipped') this.#events.skipped(message.why);
      else this.#events.selected?.(message.inputs, message.bytes);
    });
    return new Promise((resolve) => {
      this.#worker.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') this.#report('memory', `a run takes more than ${HEAP_MIB_MAX} MiB`);
        else this.#report('thread', error.stack ?? error.message);
      });
      this.#worker.on('exit', () => {
        clearInterval(timer);
        resolve();
      });
    });
  }

  /** By the CPU time of the process: on a busy machine an input may be at rest for long. */
  #look(): void {
    const { beats } = this.#shared;
    if (beats !== this.#beats || beats === 0) {
      this.#beats = beats;
      this.#cpuAtBeat = process.cpuUsage();
      return;
    }
    const { user, system } = process.cpuUsage(this.#cpuAtBeat);
    if ((user + system) / 1_000 < this.#hangCpuMs) return;
    this.#cpuAtBeat = process.cpuUsage();
    this.#report('hang', `a run does not end within ${this.#hangCpuMs} ms of CPU`);
    void this.#worker.terminate();
  }

  #report(oracle: string, message: string): void {
    const file = keepInput(Folder.CRASHES, this.#order.target, this.#shared.input);
    this.#events.found({ kind: 'found', file, oracle, message, about: kindOf({ oracle, message }), stack: '' });
  }
}
