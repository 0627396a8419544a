import type { Client, Storage } from '@omnigate/sdk';
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES, BLOBS, PUT_SHARE, STAT_SHARE } from '../bounds.ts';
import type { Chance } from '../chance.ts';
import { connectTo } from './capabilities.ts';
import type { Tally } from './tally.ts';
import type { LoadTarget, Workload } from './workload.ts';

interface Blob {
  readonly bytes: Buffer;
  readonly id: string;
}

/** PUTs and GETs of a fixed set of blobs: what is there is compared with what was put. */
export class StorageLoad implements Workload {
  readonly #client: Client;
  readonly #storage: Storage;
  readonly #chance: Chance;
  readonly #tally: Tally;
  #blobs: Blob[] = [];

  private constructor(client: Client, chance: Chance, tally: Tally) {
    this.#client = client;
    this.#storage = client.storage();
    this.#chance = chance;
    this.#tally = tally;
  }

  static async open(target: LoadTarget, chance: Chance, tally: Tally): Promise<StorageLoad> {
    return new StorageLoad(await connectTo(target), chance, tally);
  }

  /** Also reads each of them, so that the node has open what it will keep open. */
  async fill(): Promise<void> {
    for (let number = 0; number < BLOBS; number++) {
      const bytes = this.#chance.bytes(1 + this.#chance.below(BLOB_BYTES_MAX));
      const { id } = await this.#put(bytes);
      await this.#storage.get(id).bytes();
      this.#blobs.push({ bytes, id });
    }
  }

  async step(): Promise<void> {
    const storage = this.#storage;
    const { bytes, id } = this.#chance.of(this.#blobs);
    const choice = this.#chance.next();
    if (choice < PUT_SHARE) return this.#compare(() => this.#put(bytes), (put) => put.id === id, `PUT of ${id}`);
    if (choice < PUT_SHARE + STAT_SHARE) return this.#compare(() => storage.stat(id), ({ state }) => state === 'whole', `STAT of ${id}`);
    return this.#compare(() => storage.get(id).bytes(), (got) => bytes.equals(got), `GET of ${id}`);
  }

  /** Every blob once more. */
  async finish(): Promise<void> {
    for (const { bytes, id } of this.#blobs) await this.#compare(() => this.#storage.get(id).bytes(), (got) => bytes.equals(got), `last GET of ${id}`);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** As a stream: the node does not know what comes, so it writes it, also when it has it. */
  #put(bytes: Uint8Array): ReturnType<Storage['put']> {
    const chunks = function* (): Generator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += BLOB_CHUNK_BYTES) yield bytes.subarray(at, at + BLOB_CHUNK_BYTES);
    };
    return this.#storage.put(chunks(), { sizeBytes: bytes.length });
  }

  async #compare<T>(request: () => Promise<T>, isRight: (answer: T) => boolean, what: string): Promise<void> {
    const outcome = await this.#tally.ask('storage', request);
    if (outcome.ok && !isRight(outcome.answer)) this.#tally.wrong('storage', `the ${what} gave something else`);
  }
}
