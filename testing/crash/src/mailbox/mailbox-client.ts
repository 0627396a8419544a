import { decode, encode } from '@msgpack/msgpack';
import type { Client } from '@omnigate/sdk';

const MAILBOX_APP = 16;

/** Operations that the loops use (specs/mailbox-1.md). */
const Op = { SEND: 1, RECV: 2, ACK: 3, NACK: 4, DELETE: 7, PEEK: 8, STATS: 9, CONFIGURE: 12 } as const;

/** States in the order in which a scan looks, so that what becomes ready meanwhile is still found. */
export const STATES = ['leased', 'delayed', 'blocked', 'ready'] as const;
export type State = (typeof STATES)[number];

/** A message as RECV and PEEK tell of it. */
export interface Message {
  readonly id: string;
  readonly body: Uint8Array;
  readonly receipt?: Uint8Array;
  readonly deliveries: number;
  readonly key?: string;
  readonly group?: string;
  readonly dead?: { readonly topic: string; readonly deliveries: number };
}

/** What STATS tells of a topic, as far as it is compared. */
export interface Stats extends Readonly<Record<State, number>> {
  readonly admitted: number;
  readonly acked: number;
  readonly deleted: number;
  readonly expired: number;
  readonly dead_lettered: number;
  readonly redriven: number;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The answer to SEND. */
export interface SendReply {
  readonly id: string;
  readonly duplicate: boolean;
  readonly durability: string;
}

/** Asks the mailbox and decodes its answer. */
export async function ask<T>(client: Client, op: keyof typeof Op, fields: object): Promise<T> {
  const { payload } = await client.request(MAILBOX_APP, Op[op], encode(fields));
  return decode(payload) as T;
}

/** All messages of a state. */
export async function peekAll(client: Client, topic: string, state: State): Promise<readonly Message[]> {
  const messages: Message[] = [];
  let after: Uint8Array | undefined;
  do {
    const page = await ask<{ messages: Message[]; next?: Uint8Array }>(client, 'PEEK', { topic, state, limit: 256, ...(after === undefined ? {} : { after }) });
    messages.push(...page.messages);
    after = page.next;
  } while (after !== undefined);
  return messages;
}
