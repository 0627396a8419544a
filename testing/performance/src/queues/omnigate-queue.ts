import { connect } from '@omnigate/sdk';
import type { Client, Mailbox } from '@omnigate/sdk';
import { checkBody } from './queue.ts';
import type { Queue, QueueAccess, Receiving } from './queue.ts';

const TOPIC = 'jobs';

/** The mailbox by the SDK, as applications use it: one client that sends, one that receives. */
export class OmnigateQueue implements Queue {
  readonly #clients: readonly Client[];
  readonly #sender: Mailbox;
  readonly #receiver: Mailbox;

  private constructor(sender: Client, receiver: Client) {
    this.#clients = [sender, receiver];
    this.#sender = sender.mailbox(TOPIC);
    this.#receiver = receiver.mailbox(TOPIC);
  }

  static async open({ address, capability }: QueueAccess): Promise<OmnigateQueue> {
    if (capability === undefined) throw new Error('a mailbox is used under a capability');
    const url = `oap://${address.host}:${address.port}`;
    const options = { url, cap: capability };
    const [sender, receiver] = await Promise.all([connect(options), connect(options)]);
    return new OmnigateQueue(sender, receiver);
  }

  async send(body: Uint8Array): Promise<void> {
    const { durability } = await this.#sender.send(body);
    if (durability !== 'disk') throw new Error(`the message is kept in ${durability}`);
  }

  receive(unacknowledged: number, bodyBytes: number, onAcknowledged: (count: number) => void): Receiving {
    const subscription = this.#receiver.subscribe({ prefetch: unacknowledged });
    const work = async (): Promise<void> => {
      const failed: unknown[] = [];
      for await (const message of subscription) {
        checkBody(message.body, bodyBytes);
        message.ack().then(
          () => {
            onAcknowledged(1);
          },
          (error: unknown) => failed.push(error),
        );
        if (failed.length > 0) throw failed[0];
      }
    };
    return { ended: work(), stop: () => subscription.close() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}
