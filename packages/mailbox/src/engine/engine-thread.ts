import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Writer } from '../codec/writer.ts';
import { BACKLOG_BYTES_MAX, BACKLOG_REQUESTS_MAX, BATCH_BYTES_MAX, BATCH_REQUESTS_MAX, ENGINE_BATCHES, NOTICE_PAUSE_MS } from '../limits.ts';
import { readReplies, writeFrame } from './batch.ts';
import type { EngineFrame, EngineReply } from './batch.ts';
import type { EngineFigures, EngineMessage, EngineSettings } from './thread-messages.ts';

/** What an engine tells the service. */
export interface EngineEvents {
  /** An answer, or a part of one. Its payload lies in memory that is its own. */
  answer(reply: EngineReply): void;
  /** What the engine counted; told now and then while it changes. */
  figures(figures: EngineFigures): void;
  /** A message is not delivered because its bytes are damaged. */
  corrupt(topic: string, id: string): void;
  /** The engine is gone, and with it the answers that are still due. */
  failed(error: unknown): void;
}

/** Also the name of the module of the thread, as built and in source. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/**
 * An engine in a thread of its own. It has one batch to work on and one to go on
 * with; what comes meanwhile is collected, and goes to it together: the busier
 * the disk, the more a commit carries.
 */
export class EngineThread {
  /** Settles when the store is open; rejected with the reason why not. */
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #events: EngineEvents;
  /** Batches that are full. */
  readonly #batches: { readonly bytes: Uint8Array; readonly frames: number }[] = [];
  #collecting = new Writer();
  #collected = 0;
  #waitingBytes = 0;
  #waitingFrames = 0;
  /** Batches that the thread has and did not finish. */
  #given = 0;
  #open = false;
  #scheduled = false;
  /** Among what is being collected is something that must not wait. */
  #urgent = false;
  /** Runs while there may be frames that are not urgent; setting it anew for each would cost more than one in vain. */
  #pause: NodeJS.Timeout | undefined;
  #ended = false;
  #opening: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  /** Takes frames from here on; opening the store may still fail. */
  constructor(settings: EngineSettings, events: EngineEvents) {
    this.#events = events;
    this.opened = new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
    });
    // Who does not wait for it hears of it by `failed`.
    this.opened.catch(() => undefined);
    this.#worker = new Worker(new URL(`./worker-main${EXTENSION}`, import.meta.url), { workerData: settings, name: 'mailbox' });
    this.#worker.on('message', (message: EngineMessage) => {
      this.#onMessage(message);
    });
    this.#worker.on('error', (error) => {
      this.#fail(error);
    });
    this.#worker.on('exit', () => {
      this.#fail(new Error('the thread of the mailbox ended'));
    });
  }

  get waitingRequests(): number {
    return this.#waitingFrames;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Takes a frame; false when too much waits already. */
  submit(frame: EngineFrame): boolean {
    if (this.#waitingBytes > BACKLOG_BYTES_MAX || this.#waitingFrames > BACKLOG_REQUESTS_MAX) return false;
    this.notify(frame);
    return true;
  }

  /**
   * Takes a frame that must not be refused: what it is about was counted when it began.
   *
   * @param urgent false: it goes along with the next one, or after NOTICE_PAUSE_MS
   */
  notify(frame: EngineFrame, urgent = true): void {
    const before = this.#collecting.at;
    writeFrame(this.#collecting, frame);
    this.#waitingBytes += this.#collecting.at - before;
    this.#waitingFrames++;
    this.#collected++;
    if (this.#collecting.at >= BATCH_BYTES_MAX || this.#collected >= BATCH_REQUESTS_MAX) this.#cut();
    if (!urgent) {
      if (this.#pause === undefined) this.#pause = setTimeout(this.#endPause, NOTICE_PAUSE_MS).unref();
      return;
    }
    this.#urgent = true;
    if (this.#scheduled) return;
    this.#scheduled = true;
    // At the end of the turn, so that all of one read goes together.
    setImmediate(this.#send);
  }

  /** Ends the thread when it has done what it was given. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const exited = once(this.#worker, 'exit');
    this.#worker.postMessage('stop');
    await exited;
  }

  #cut(): void {
    if (this.#collected === 0) return;
    this.#batches.push({ bytes: this.#collecting.take(), frames: this.#collected });
    this.#collected = 0;
    this.#urgent = false;
  }

  readonly #endPause = (): void => {
    this.#pause = undefined;
    this.#urgent = this.#collected > 0;
    this.#send();
  };

  readonly #send = (): void => {
    this.#scheduled = false;
    if (!this.#open || this.#ended) return;
    while (this.#given < ENGINE_BATCHES) {
      if (this.#batches.length === 0 && this.#urgent) this.#cut();
      const batch = this.#batches.shift();
      if (batch === undefined) return;
      this.#given++;
      this.#waitingBytes -= batch.bytes.length;
      this.#waitingFrames -= batch.frames;
      this.#worker.postMessage(batch.bytes, [batch.bytes.buffer as ArrayBuffer]);
    }
  };

  #onMessage(message: EngineMessage): void {
    if (this.#ended) return;
    switch (message.kind) {
      case 'ready':
        this.#opening?.resolve();
        this.#opening = undefined;
        this.#open = true;
        this.#send();
        break;
      case 'answers':
        for (const reply of readReplies(message.batch)) this.#events.answer(reply);
        if (message.done) {
          this.#given--;
          this.#send();
        }
        break;
      case 'figures':
        this.#events.figures(message.figures);
        break;
      case 'corrupt':
        this.#events.corrupt(message.topic, message.id);
        break;
      case 'failed':
        this.#fail(message.error);
        break;
    }
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#opening?.reject(error);
    this.#events.failed(error);
  }
}
