import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@omnigate/sdk';
import { BLOB_BYTES_MAX, BLOBS_PER_ROUND, BLOBS_READ_AGAIN, LARGE_BLOB_BYTES, LARGE_BLOB_PAUSE_MS } from '../bounds.ts';
import type { Load, Workload } from '../node/workload.ts';
import { anyBelow, bytesOf } from '../random-bytes.ts';
import type { Tally } from '../tally.ts';
import { blobId } from './blob-id.ts';
import { get, has, list, put, stat } from './storage-client.ts';

const EDGE_SIZES = [4, 65_535, 65_536, 65_537];

/** A blob that was put, or at least begun. */
interface Blob {
  readonly number: number;
  readonly sizeBytes: number;
  acknowledged: boolean;
}

/**
 * PUTs of small blobs, and one large blob that is cut off by crashes until a
 * resumed PUT brings it home. After a crash a blob is absent or whole, and
 * whole when its PUT was answered.
 */
export class StorageWorkload implements Workload {
  readonly #blobs = new Map<string, Blob>();
  /** Begun or acknowledged since the last check. */
  #fresh = new Set<string>();
  #next = 1;
  #large: { readonly id: string; readonly bytes: Buffer } | undefined;
  /** Bytes that resumed PUTs did not send again. */
  resumedBytes = 0;

  async check(client: Client, tally: Tally): Promise<void> {
    const listed = new Map((await list(client)).map((blob) => [blob.id, blob]));
    for (const [id, blob] of this.#blobs) {
      const found = listed.get(id);
      if (found === undefined) {
        if (blob.acknowledged) this.#forgetLost(id, tally);
        else if (await has(client, id)) tally.count('wrong', `blob ${blob.number} is had and not listed`);
        continue;
      }
      if (found.state !== 'whole') tally.count('wrong', `blob ${blob.number} is ${found.state}`);
      else if (this.#fresh.has(id) || anyBelow(this.#blobs.size) < BLOBS_READ_AGAIN) await this.#read(client, tally, id, blob);
    }
    for (const id of listed.keys()) if (!this.#blobs.has(id)) tally.count('wrong', `nobody put ${id}`);
    this.#fresh = new Set();
    await this.#resume(client, tally);
  }

  async run(client: Client, tally: Tally, load: Load): Promise<void> {
    await Promise.all([this.#putSmall(client, tally, load), this.#putLarge(client, tally)]);
  }

  async #putSmall(client: Client, tally: Tally, load: Load): Promise<void> {
    for (let count = 0; count < BLOBS_PER_ROUND && load.goesOn; count++) {
      const number = this.#next++;
      const sizeBytes = EDGE_SIZES[number % 8] ?? 4 + anyBelow(BLOB_BYTES_MAX);
      const bytes = bytesOf(number, sizeBytes);
      const id = this.#begin(bytes, number);
      if (!(await this.#put(client, tally, id, bytes))) return;
      load.acknowledged();
    }
  }

  async #putLarge(client: Client, tally: Tally): Promise<void> {
    if (this.#large === undefined) {
      const number = this.#next++;
      const bytes = bytesOf(number, LARGE_BLOB_BYTES);
      this.#large = { id: this.#begin(bytes, number), bytes };
    }
    const { id, bytes } = this.#large;
    this.#fresh.add(id);
    if (await this.#put(client, tally, id, bytes, { expect: id, offset_bytes: 0 }, () => sleep(LARGE_BLOB_PAUSE_MS))) this.#large = undefined;
  }

  /** Goes on with the large blob where the crash cut it off. */
  async #resume(client: Client, tally: Tally): Promise<void> {
    if (this.#large === undefined) return;
    const { id, bytes } = this.#large;
    const found = await stat(client, id);
    if (found?.state === 'whole') return;
    const kept = found?.received_bytes ?? 0;
    if (kept === 0) return;
    if (kept > bytes.length) {
      tally.count('wrong', `${kept} bytes received of ${bytes.length}`);
      return;
    }
    this.resumedBytes += kept;
    // A leaf is an offset, and so is the end of the last one.
    const offset = kept - (kept % 65_536);
    if (!(await this.#put(client, tally, id, bytes.subarray(offset), { expect: id, offset_bytes: offset }))) {
      tally.count('wrong', `a PUT of ${id} could not be resumed at ${offset}`);
      return;
    }
    const blob = this.#blobs.get(id);
    if (blob !== undefined) await this.#read(client, tally, id, blob);
    this.#large = undefined;
  }

  #begin(bytes: Buffer, number: number): string {
    const id = blobId(bytes);
    this.#blobs.set(id, { number, sizeBytes: bytes.length, acknowledged: false });
    this.#fresh.add(id);
    return id;
  }

  /** False when there was no answer, or a refusal. */
  async #put(client: Client, tally: Tally, id: string, bytes: Uint8Array, fields: object = {}, pause?: () => Promise<void>): Promise<boolean> {
    let named: string;
    try {
      named = await put(client, bytes, fields, pause);
    } catch {
      return false;
    }
    const blob = this.#blobs.get(id);
    if (named !== id || blob === undefined) tally.count('wrong', `${id} was called ${named}`);
    else blob.acknowledged = true;
    tally.acknowledged++;
    return true;
  }

  async #read(client: Client, tally: Tally, id: string, { number, sizeBytes }: Blob): Promise<void> {
    const got = await get(client, id);
    if (typeof got === 'string') tally.count('wrong', `blob ${number} is listed, and GET says ${got}`);
    else if (!got.equals(bytesOf(number, sizeBytes))) tally.count('wrong', `blob ${number} has other bytes`);
  }

  #forgetLost(id: string, tally: Tally): void {
    tally.count('lost', `blob ${this.#blobs.get(id)?.number ?? 0}`);
    // It is counted once.
    this.#blobs.delete(id);
    if (this.#large?.id === id) this.#large = undefined;
  }
}
