import { Queue as BullQueue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { checkBody } from './queue.ts';
import type { Queue, QueueAccess, Receiving } from './queue.ts';

const QUEUE = 'jobs';

/** A body as a job carries it: a string, in JSON. */
interface JobData {
  readonly body: string;
}

/** Jobs of BullMQ, which are removed when they are done. */
export class BullmqQueue implements Queue {
  readonly #connection: Redis;
  readonly #jobs: BullQueue<JobData>;

  private constructor(connection: Redis) {
    this.#connection = connection;
    this.#jobs = new BullQueue(QUEUE, { connection });
  }

  static async open({ address }: QueueAccess): Promise<BullmqQueue> {
    const queue = new BullmqQueue(new Redis({ ...address, maxRetriesPerRequest: null }));
    await queue.#jobs.waitUntilReady();
    return queue;
  }

  /** A job at a time: its `addBulk` holds all of them up until the last one is in. */
  async send(body: Uint8Array): Promise<void> {
    await this.#jobs.add('job', { body: Buffer.from(body).toString('base64') }, { removeOnComplete: true });
  }

  receive(unacknowledged: number, bodyBytes: number, onAcknowledged: (count: number) => void): Receiving {
    const work = ({ data }: { readonly data: JobData }): Promise<void> => {
      checkBody(Buffer.from(data.body, 'base64'), bodyBytes);
      return Promise.resolve();
    };
    const worker = new Worker<JobData>(QUEUE, work, { connection: this.#connection, concurrency: unacknowledged, autorun: false });
    worker.on('completed', () => {
      onAcknowledged(1);
    });
    const failed = new Promise<never>((_, reject) => {
      worker.on('failed', (_job, error) => {
        reject(error);
      });
      worker.on('error', reject);
    });
    return {
      ended: Promise.race([worker.run(), failed]),
      stop: () => worker.close(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#jobs.close();
    this.#connection.disconnect();
  }
}
