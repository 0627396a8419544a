import type { Client } from '@omnigate/sdk';
import { ECHO_BYTES_MAX } from '../bounds.ts';
import type { Chance } from '../chance.ts';
import { connectTo } from './capabilities.ts';
import type { Tally } from './tally.ts';
import type { LoadTarget, Workload } from './workload.ts';

const ECHO_APP = 1;
const ECHO_OP = 0;
/** Of the echoes, those that go as a stream, and those that have a connection of their own. */
const STREAM_SHARE = 0.05;
const FRESH_SHARE = 0.01;
const STREAM_BYTES = 40_000;

/** Echoes of all sizes, over TCP and TLS, as requests and as streams. */
export class EchoLoad implements Workload {
  readonly #target: LoadTarget;
  readonly #clients: readonly [Client, Client];
  readonly #chance: Chance;
  readonly #tally: Tally;

  private constructor(target: LoadTarget, clients: readonly [Client, Client], chance: Chance, tally: Tally) {
    this.#target = target;
    this.#clients = clients;
    this.#chance = chance;
    this.#tally = tally;
  }

  static async open(target: LoadTarget, chance: Chance, tally: Tally): Promise<EchoLoad> {
    return new EchoLoad(target, [await connectTo(target), await connectTo(target, 'tls')], chance, tally);
  }

  async fill(): Promise<void> {
    for (const client of this.#clients) await client.echo(new Uint8Array(1));
  }

  async step(): Promise<void> {
    const chance = this.#chance;
    const client = chance.of(this.#clients);
    if (chance.hits(STREAM_SHARE)) return this.#compare(chance.bytes(STREAM_BYTES), (bytes) => streamed(client, bytes));
    const bytes = chance.bytes(chance.below(ECHO_BYTES_MAX));
    if (this.#target.steady && chance.hits(FRESH_SHARE)) return this.#compare(bytes, () => this.#fresh(bytes));
    return this.#compare(bytes, () => client.echo(bytes));
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
  }

  async #compare(sent: Buffer, echo: (bytes: Buffer) => Promise<Uint8Array>): Promise<void> {
    const echoed = await this.#tally.ask('echo', () => echo(sent));
    if (echoed.ok && !sent.equals(echoed.answer)) this.#tally.wrong('echo', `${sent.length} bytes came back as ${echoed.answer.length} others`);
  }

  async #fresh(bytes: Uint8Array): Promise<Uint8Array> {
    const client = await connectTo(this.#target, this.#chance.hits(0.5) ? 'tls' : 'plain');
    try {
      return await client.echo(bytes);
    } finally {
      await client.close();
    }
  }
}

async function streamed(client: Client, bytes: Uint8Array): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of client.stream(ECHO_APP, ECHO_OP, { body: bytes, idempotent: true })) parts.push(part);
  return Buffer.concat(parts);
}
