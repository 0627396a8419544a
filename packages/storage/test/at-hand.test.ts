import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { BlobStore } from '../src/disk/blob-store.ts';
import { DiskStore } from '../src/disk/disk-store.ts';
import { ReadBuffers } from '../src/disk/read-buffers.ts';
import { RecentFiles } from '../src/disk/recent-files.ts';
import { BlobCache } from '../src/keeper/blob-cache.ts';
import { objectName } from '../src/keeper/verified-blob.ts';
import { AT_HAND_BYTES_MAX, AT_HAND_MS_MAX, AT_HAND_PAUSE_TIMES, BLOBS_CACHED_BYTES_MAX, LEAF_BYTES, OPEN_FILES_MAX, READ_BUFFERS_KEPT_BYTES_MAX } from '../src/limits.ts';
import { LentMemory } from '../src/transfer/lent-memory.ts';
import { content, refusal, StorageNode, TENANT } from './fixtures/storage-node.ts';

await t.test('a file is read at once when it was read or written lately, and not for a while after a disk was slow', async (t) => {
  const path = t.testdir({ blobs: { old: 'from before' } });
  const store = await DiskStore.open(path);
  t.teardown(() => store.close());
  const memory = Buffer.alloc(100);
  const atHand = (name: string, bytes: number): string | undefined => {
    const read = store.readAtHand(name, bytes, memory);
    return read === undefined ? undefined : Buffer.from(read).toString();
  };
  t.equal(atHand('old', 11), undefined, 'nobody knows where it is');
  await store.read('old', 0, 11);
  t.equal(atHand('old', 11), 'from before');
  await store.append('part', 0, Buffer.from('written'));
  await store.commit('part', 'new');
  t.equal(atHand('new', 7), 'written');
  t.equal(atHand('new', 8), undefined, 'not what is shorter');
  await store.remove('new');
  t.equal(atHand('new', 7), undefined);
  await store.quarantine('old');
  t.equal(atHand('old', 11), undefined);

  const recent = new RecentFiles();
  recent.note('a');
  recent.took(AT_HAND_MS_MAX);
  t.ok(recent.has('a'));
  recent.took(AT_HAND_MS_MAX + 1);
  t.notOk(recent.has('a'), 'somebody waited for a disk');
  await sleep((AT_HAND_MS_MAX + 2) * AT_HAND_PAUSE_TIMES);
  t.ok(recent.has('a'));
});

await t.test('more files are read at once than stay open', async (t) => {
  const path = t.testdir({ blobs: Object.fromEntries(Array.from({ length: OPEN_FILES_MAX + 50 }, (_, n) => [`f${n}`, `${n}`])) });
  const store = await DiskStore.open(path);
  t.teardown(() => store.close());
  const memory = Buffer.alloc(100);
  for (let n = 0; n < OPEN_FILES_MAX + 50; n++) await store.read(`f${n}`, 0, 1);
  let right = 0;
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < OPEN_FILES_MAX + 50; n++) {
      const text = `${n}`;
      const read = store.readAtHand(`f${n}`, text.length, memory);
      if (read !== undefined && Buffer.from(read).toString() === text) right += 1;
    }
  }
  // A machine that stands still for a moment makes some of them look like reads of a disk.
  t.ok(right > 0, `${right} of ${2 * (OPEN_FILES_MAX + 50)}`);
  for (const [name, number] of [['first', 0], ['last', OPEN_FILES_MAX + 49]] as const) {
    t.equal(Buffer.from(await store.read(`f${number}`, 0, 9)).toString(), `${number}`, `the ${name} can still be read`);
  }
});

await t.test('a blob is kept when it is read for the second time among as many as would fit', (t) => {
  const cache = new BlobCache({ version: () => 1 } as Partial<BlobStore> as BlobStore);
  t.notOk(cache.wants('first'));
  cache.note('first', LEAF_BYTES);
  t.ok(cache.wants('first'));
  for (let n = 1; n < BLOBS_CACHED_BYTES_MAX / LEAF_BYTES; n++) cache.note(`other ${n}`, LEAF_BYTES);
  t.ok(cache.wants('other 1'));
  cache.note('one more', LEAF_BYTES);
  t.notOk(cache.wants('first'), 'too many came between');
  t.end();
});

await t.test('memory of an answer is lent until all of it has left', (t) => {
  const buffers = new ReadBuffers();
  const lent = new LentMemory(buffers);
  const memory = buffers.acquire(1);
  const reply = lent.lend(memory, 100);
  reply.onSent?.(99);
  t.not(buffers.acquire(1), memory);
  reply.onSent?.(1);
  t.equal(buffers.acquire(1), memory);
  const replies = [];
  for (; !lent.exhausted; ) replies.push(lent.lend(buffers.acquire(1), 1));
  t.ok(replies.length <= AT_HAND_BYTES_MAX / LEAF_BYTES);
  replies[0]?.onSent?.(1);
  t.notOk(lent.exhausted, 'and then there is room for another');
  t.end();
});

await t.test('memory of a size that is not read any more makes room for that of another', (t) => {
  const buffers = new ReadBuffers();
  const large = Array.from({ length: Math.ceil(READ_BUFFERS_KEPT_BYTES_MAX / (8 * LEAF_BYTES)) }, () => buffers.acquire(8));
  for (const buffer of large) buffers.release(buffer);
  const small = Array.from({ length: 20 }, () => buffers.acquire(2));
  for (const buffer of small) buffers.release(buffer);
  t.ok(small.every(() => small.includes(buffers.acquire(2))));
  t.ok(large.includes(buffers.acquire(8)), 'and the rest stays');
  t.end();
});

await t.test('what is answered at once follows every change: of the record, of the file, and damage', async (t) => {
  await using node = await StorageNode.start({ graceMs: 0, scrubBytesPerSecond: 0 });
  const client = await node.client();
  for (const sizeBytes of [1, 16_384, 16_385, LEAF_BYTES]) {
    const bytes = content(sizeBytes, sizeBytes);
    const { id } = await client.put(bytes);
    for (let n = 0; n < 4; n++) {
      for (const proof of [false, true]) t.ok((await client.get({ id, proof })).body.equals(bytes), `${sizeBytes} bytes, time ${n}`);
    }
    await client.put(bytes, { media_type: `text/x-${sizeBytes}` });
    t.match((await client.get({ id, proof: false })).metadata, { media_type: `text/x-${sizeBytes}` });
    if (sizeBytes > 16_384) {
      const file = join(node.path, 'blobs', objectName(TENANT, id.slice(4)));
      const rotten = Buffer.from(bytes);
      rotten[sizeBytes - 1] = (rotten[sizeBytes - 1] as number) ^ 1;
      await writeFile(file, rotten);
      // It may be served from memory a little longer, and then it is good.
      await sleep(150);
      t.match(await refusal(client.get({ id, proof: false })), { reason: 'blob_corrupt', detail: { leaf: 0 } });
      await client.put(bytes);
      t.ok((await client.get({ id, proof: false })).body.equals(bytes), 'mended');
      await truncate(file, sizeBytes - 1);
      await sleep(150);
      t.match(await refusal(client.get({ id, proof: false })), { reason: 'blob_corrupt' });
    }
  }
});
