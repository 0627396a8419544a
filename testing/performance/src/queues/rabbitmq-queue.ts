import { connect } from 'amqplib';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { checkBody } from './queue.ts';
import type { Queue, QueueAccess, Receiving } from './queue.ts';

const QUEUE = 'jobs';

/**
 * A quorum queue with publisher confirms; what arrives in one turn of the event loop
 * is acknowledged together. Errors of its connections have no listener: they end the process.
 */
export class RabbitmqQueue implements Queue {
  readonly #sender: ConfirmChannel;
  readonly #connections: readonly [sending: ChannelModel, receiving: ChannelModel];

  private constructor(sender: ConfirmChannel, connections: readonly [ChannelModel, ChannelModel]) {
    this.#sender = sender;
    this.#connections = connections;
  }

  static async open({ address: { host, port } }: QueueAccess): Promise<RabbitmqQueue> {
    const open = (): Promise<ChannelModel> => connect(`amqp://${host}:${port}`, { noDelay: true });
    const connections = await Promise.all([open(), open()]);
    const sender = await connections[0].createConfirmChannel();
    await sender.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    return new RabbitmqQueue(sender, connections);
  }

  send(body: Uint8Array): Promise<void> {
    const content = Buffer.from(body.buffer, body.byteOffset, body.length);
    return new Promise((resolve, reject) => {
      this.#sender.sendToQueue(QUEUE, content, { persistent: true }, (error: unknown) => {
        if (error === null) resolve();
        else reject(error instanceof Error ? error : new Error('RabbitMQ did not take the message'));
      });
    });
  }

  /** AMQP does not answer acknowledgements, so they count when they are sent. */
  receive(unacknowledged: number, bodyBytes: number, onAcknowledged: (count: number) => void): Receiving {
    const work = async (stopped: Promise<void>): Promise<void> => {
      const channel = await this.#connections[1].createChannel();
      let last: ConsumeMessage;
      let received = 0;
      const acknowledge = (): void => {
        channel.ack(last, true);
        onAcknowledged(received);
        received = 0;
      };
      await channel.prefetch(unacknowledged);
      await channel.consume(QUEUE, (message) => {
        last = message as ConsumeMessage;
        checkBody(last.content, bodyBytes);
        if (received++ === 0) setImmediate(acknowledge);
      });
      await stopped;
      await channel.close();
    };
    let stop: () => void = () => undefined;
    const ended = work(new Promise((resolve) => (stop = resolve)));
    return {
      ended,
      stop: () => {
        stop();
        return ended;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
