import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, OapError } from '@omnigate/kernel';
import t from 'tap';
import { StoreError } from '../src/disk/blob-store.ts';
import type { BlobStore } from '../src/disk/blob-store.ts';
import { DiskStore } from '../src/disk/disk-store.ts';
import { StorageFigures } from '../src/figures.ts';
import { loadBlake3 } from '../src/hash/blake3.ts';
import { BlobIndex } from '../src/index/blob-index.ts';
import { Accounts } from '../src/keeper/accounts.ts';
import { BlobKeeper } from '../src/keeper/blob-keeper.ts';
import { LEAF_BYTES, UPLOADS_MAX } from '../src/limits.ts';
import { Intake } from '../src/transfer/intake.ts';
import { Upload } from '../src/transfer/upload.ts';
import { content, refusal, StorageNode, TENANT } from './fixtures/storage-node.ts';

/** A keeper over a real disk some of whose calls fail, in a folder that goes away. */
async function faulty(t: { teardown(end: () => Promise<void>): void }, faults: Partial<Record<keyof BlobStore, string>>): Promise<BlobKeeper> {
  const path = await mkdtemp(join(tmpdir(), 'omnigate-storage-'));
  const disk = await DiskStore.open(path);
  const store = new Proxy(disk, {
    get: (target, call) => {
      const code = faults[call as keyof BlobStore];
      if (code !== undefined) return () => Promise.reject(StoreError.from(Object.assign(new Error(code), { code })));
      const member = Reflect.get(target, call, target) as unknown;
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  const index = new BlobIndex(join(path, 'index'));
  t.teardown(async () => {
    await disk.close();
    await index.close();
    await rm(path, { recursive: true });
  });
  const accounts = new Accounts(index, { bytes: 1_000_000_000, blobs: 1_000 });
  const logger = createLogger({ level: 'silent' });
  return new BlobKeeper({ index, store, blake3: await loadBlake3(), accounts, figures: new StorageFigures(), now: Date.now, logger });
}

const REQUEST = { sizeBytes: undefined, mediaType: undefined, expect: undefined, offsetBytes: undefined, pinTtlMs: undefined };

async function put(keeper: BlobKeeper, bytes: Uint8Array): Promise<unknown> {
  const intake = new Intake(undefined, () => LEAF_BYTES);
  const upload = new Upload(keeper, { tenant: TENANT, request: REQUEST, endToEnd: false, resumable: false }, intake, () => undefined);
  intake.push(bytes);
  intake.end();
  return upload.run();
}

const BYTES = content(5 * LEAF_BYTES);

for (const { call, code, reason } of [
  { call: 'append', code: 'ENOSPC', reason: 'storage_full' },
  { call: 'commit', code: 'EDQUOT', reason: 'storage_full' },
  { call: 'append', code: 'EMFILE', reason: 'storage_busy' },
  { call: 'append', code: 'EIO', reason: 'internal' },
] as const) {
  await t.test(`a PUT whose ${call} fails with ${code} is ${reason} and leaves nothing`, async (t) => {
    const keeper = await faulty(t, { [call]: code });
    const failed = await put(keeper, BYTES).catch((error: unknown) => error);
    t.ok(failed instanceof OapError);
    t.match(failed, { reason, retryable: reason === 'storage_busy' });
    t.equal(keeper.accounts.usedBytes(TENANT), 0, 'no room stays taken');
    t.equal(keeper.partsInUse.size, 0);
    t.same(keeper.index.list(TENANT, undefined, 10), []);
    for await (const file of keeper.store.list()) t.fail(`${file.name} is left`);
  });
}

await t.test('a disk that cannot read is damage; a node without descriptors is not', async (t) => {
  const broken: Partial<Record<keyof BlobStore, string>> = {};
  const keeper = await faulty(t, broken);
  await put(keeper, BYTES);
  const [entry] = keeper.index.list(TENANT, undefined, 1);
  if (entry === undefined) throw new Error('it should be there');
  const read = async (): Promise<unknown> => keeper.open(entry).leaves(1, 1).then(() => 'read', (error: unknown) => keeper.refusalOf(error));
  broken.read = 'EMFILE';
  t.match(await read(), { reason: 'storage_busy', retryAfterMs: 1_000 });
  broken.read = 'EIO';
  t.match(await read(), { reason: 'blob_corrupt', detail: { leaf: 1 } });
  t.equal(keeper.index.get(TENANT, entry.hex)?.corruptLeaf, 1);
});

await t.test('a fault that a second look does not find is refused once and not booked', async (t) => {
  const broken: Partial<Record<keyof BlobStore, string>> = {};
  const keeper = await faulty(t, broken);
  await put(keeper, BYTES);
  const [entry] = keeper.index.list(TENANT, undefined, 1);
  if (entry === undefined) throw new Error('it should be there');
  broken.read = 'EIO';
  const error: unknown = await keeper.open(entry).leaves(2, 1).catch((thrown: unknown) => thrown);
  delete broken.read;
  t.match(await keeper.refusalOf(error), { reason: 'blob_corrupt' });
  t.equal(keeper.index.get(TENANT, entry.hex)?.corruptLeaf, undefined);
});

await t.test('no more PUTs are begun than the node takes, and the next one says when to come back', async (t) => {
  await using node = await StorageNode.start();
  const other = await node.client({ retry: false });
  const open = [];
  for (const client of [await node.client(), await node.client()]) {
    open.push(...(await Promise.all(Array.from({ length: UPLOADS_MAX / 2 }, () => client.beginPut({ size_bytes: 1 })))));
    await client.raw.ping();
  }
  t.match(await refusal(other.put(Buffer.alloc(1))), { reason: 'storage_busy', status: 503 });
  for (const stream of open.slice(0, 5)) stream.cancel();
  let taken = false;
  for (let tries = 0; tries < 200 && !taken; tries++) {
    taken = await other.put(Buffer.alloc(1)).then(() => true, () => false);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  t.ok(taken, 'there is room again');
});
