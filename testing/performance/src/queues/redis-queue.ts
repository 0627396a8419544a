import { checkBody } from './queue.ts';
import type { Queue, QueueAccess, Receiving } from './queue.ts';
import { RespConnection } from './resp-connection.ts';
import type { RespValue } from './resp-connection.ts';

const STREAM = 'jobs';
const GROUP = 'workers';
const POLL_MS = '100';

/** Entry of a stream: its id, and names and values in turn. */
type StreamEntry = readonly [Uint8Array, readonly Uint8Array[]];

/** A Redis stream with a consumer group; what was acknowledged is removed. */
export class RedisQueue implements Queue {
  readonly #sender: RespConnection;
  readonly #receiver: RespConnection;

  private constructor(sender: RespConnection, receiver: RespConnection) {
    this.#sender = sender;
    this.#receiver = receiver;
  }

  static async open({ address }: QueueAccess): Promise<RedisQueue> {
    const [sender, receiver] = await Promise.all([RespConnection.open(address), RespConnection.open(address)]);
    await sender.command('XGROUP', 'CREATE', STREAM, GROUP, '0', 'MKSTREAM');
    return new RedisQueue(sender, receiver);
  }

  async send(body: Uint8Array): Promise<void> {
    await this.#sender.command('XADD', STREAM, '*', 'b', body);
  }

  receive(unacknowledged: number, bodyBytes: number, onAcknowledged: (count: number) => void): Receiving {
    let stopped = false;
    const count = String(unacknowledged);
    // The next messages are asked for in the same write that acknowledges the last ones.
    const work = async (): Promise<void> => {
      let acknowledging: Promise<unknown> = Promise.resolve();
      while (!stopped) {
        const reply = await this.#receiver.command('XREADGROUP', 'GROUP', GROUP, 'one', 'COUNT', count, 'BLOCK', POLL_MS, 'STREAMS', STREAM, '>');
        const entries = entriesOf(reply);
        if (entries.length === 0) continue;
        const ids = entries.map(([id, [, body]]) => {
          checkBody(body as Uint8Array, bodyBytes);
          return id;
        });
        acknowledging = Promise.all([this.#receiver.command('XACK', STREAM, GROUP, ...ids), this.#receiver.command('XDEL', STREAM, ...ids)]).then(() => {
          onAcknowledged(ids.length);
        });
      }
      await acknowledging;
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
}

function entriesOf(reply: RespValue): readonly StreamEntry[] {
  if (reply === null) return [];
  const [[, entries]] = reply as unknown as readonly [readonly [Uint8Array, readonly StreamEntry[]]];
  return entries;
}
