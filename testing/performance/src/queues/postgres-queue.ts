import { binaryArray, PostgresConnection } from './postgres-connection.ts';
import { checkBody } from './queue.ts';
import type { Queue, QueueAccess, Receiving } from './queue.ts';

/** Type numbers of the server. */
const BYTEA = 17;
const INT8 = 20;
const POLL_MS = 2;

interface Unsent {
  readonly body: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A table taken from with SKIP LOCKED; what is received in one transaction is removed in it. */
export class PostgresQueue implements Queue {
  readonly #sender: PostgresConnection;
  readonly #receiver: PostgresConnection;
  #unsent: Unsent[] = [];
  #sending = false;

  private constructor(sender: PostgresConnection, receiver: PostgresConnection) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  static async open({ address }: QueueAccess): Promise<PostgresQueue> {
    const [sender, receiver] = await Promise.all([PostgresConnection.open(address), PostgresConnection.open(address)]);
    await sender.run(['create table jobs (id bigserial primary key, body bytea not null)']);
    return new PostgresQueue(sender, receiver);
  }

  send(body: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#unsent.push({ body, resolve, reject });
      if (this.#sending) return;
      this.#sending = true;
      setImmediate(() => void this.#insert());
    });
  }

  receive(unacknowledged: number, bodyBytes: number, onAcknowledged: (count: number) => void): Receiving {
    let stopped = false;
    const take = `select id, body from jobs order by id for update skip locked limit ${unacknowledged}`;
    const work = async (): Promise<void> => {
      while (!stopped) {
        const rows = await this.#receiver.run(['begin'], [take]);
        const ids = rows.map(([id, body]) => {
          checkBody(body as Uint8Array, bodyBytes);
          return id as Uint8Array;
        });
        await this.#receiver.run(['delete from jobs where id = any($1::bigint[])', binaryArray(INT8, ids)], ['commit']);
        if (ids.length > 0) onAcknowledged(ids.length);
        else await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    };
    const ended = work();
    return {
      ended,
      stop: () => {
        stopped = true;
        return ended;
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#sender.close();
    this.#receiver.close();
    return Promise.resolve();
  }

  /** All that waits goes in one statement, and so in one commit. */
  async #insert(): Promise<void> {
    while (this.#unsent.length > 0) {
      const batch = this.#unsent;
      this.#unsent = [];
      try {
        await this.#sender.run(['insert into jobs (body) select unnest($1::bytea[])', binaryArray(BYTEA, batch.map(({ body }) => body))]);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#sending = false;
  }
}
