import { decode, encode } from '@msgpack/msgpack';
import type { Client, RequestOptions } from '@omnigate/sdk';

const APP = 16;

/** Operations of the mailbox (specs/mailbox-1.md). */
const Op = { SEND: 1, RECV: 2, ACK: 3, NACK: 4, EXTEND: 5, SUBSCRIBE: 6, DELETE: 7, PEEK: 8, STATS: 9, REDRIVE: 10, PURGE: 11, CONFIGURE: 12 } as const;

/** A message as it comes. */
export interface Message {
  readonly id: string;
  readonly body: Uint8Array;
  readonly receipt: Uint8Array;
  readonly deliveries: number;
}

/** Calls an operation and decodes what it answers. */
export async function ask<T = Record<string, unknown>>(client: Client, op: keyof typeof Op, fields: object, options?: RequestOptions): Promise<T> {
  const { payload } = await client.request(APP, Op[op], encode(fields), options);
  return decode(payload) as T;
}

export async function receive(client: Client, topic: string, fields: object = {}): Promise<Message[]> {
  return (await ask<{ messages: Message[] }>(client, 'RECV', { topic, ...fields })).messages;
}

/** The records of a subscription, as they come; the first one is empty. */
export async function* subscribe(client: Client, fields: object): AsyncGenerator<Message[], undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of client.stream(APP, Op.SUBSCRIBE, { body: encode(fields) })) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const end = 4 + rest.readUInt32BE(0);
      const { messages } = decode(rest.subarray(4, end)) as { messages: Message[] };
      rest = rest.subarray(end);
      yield messages;
    }
  }
  return undefined;
}
