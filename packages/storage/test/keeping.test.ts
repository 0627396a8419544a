import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { StorageOp } from '../src/index.ts';
import { LEAF_BYTES } from '../src/limits.ts';
import { content, OTHER_TENANT, refusal, StorageNode, TENANT } from './fixtures/storage-node.ts';

const GRACE_MS = 1_000;
const SIZE = 200_000;

async function filesBelow(path: string): Promise<number> {
  return (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;
}

await t.test('a blob stays while it is pinned, then for the grace window, then it is swept', async (t) => {
  let nowMs = 10_000_000;
  await using node = await StorageNode.start({ graceMs: GRACE_MS, now: () => nowMs });
  const client = await node.client();
  const forever = await client.put(content(SIZE, 1));
  const ending = await client.put(content(SIZE, 2), { pin_ttl_ms: 5_000 });
  const loose = await client.put(content(SIZE, 3), { pin_ttl_ms: 0 });
  const small = await client.put(content(10, 4), { pin_ttl_ms: 0 });
  const ids = [forever.id, ending.id, loose.id, small.id];
  t.match(await client.call(StorageOp.STAT), { blobs: 4, pinned_bytes: 2 * SIZE, unpinned_bytes: SIZE + 10 });
  const sweep = async (): Promise<unknown> => client.call(StorageOp.GC);
  nowMs += GRACE_MS;
  t.same(await sweep(), { swept_blobs: 0, swept_bytes: 0 }, 'not before the end of the grace window');
  t.ok((await client.get({ id: loose.id })).body.equals(content(SIZE, 3)), 'readable until then');
  nowMs += 1;
  t.same(await sweep(), { swept_blobs: 2, swept_bytes: SIZE + 10 });
  t.same(await client.has(ids), [true, true, false, false]);
  nowMs += 5_000 - 1;
  t.same(await sweep(), { swept_blobs: 0, swept_bytes: 0 }, 'a pin that ended has its grace too');
  nowMs += GRACE_MS;
  t.same(await sweep(), { swept_blobs: 1, swept_bytes: SIZE });
  t.same(await client.has(ids), [true, false, false, false]);
  t.equal(await filesBelow(join(node.path, 'blobs')), 1, 'and the files are gone');
  await client.call(StorageOp.UNPIN, { id: forever.id });
  nowMs += 1;
  await client.call(StorageOp.UNPIN, { id: forever.id });
  nowMs += GRACE_MS;
  t.same(await sweep(), { swept_blobs: 1, swept_bytes: SIZE }, 'a second UNPIN does not prolong the grace');
  t.match(await client.call(StorageOp.STAT), { blobs: 0, pinned_bytes: 0, unpinned_bytes: 0 });
  t.equal((await refusal(client.get({ id: forever.b3 }))).reason, 'blob_not_found', 'nor by its alias');
});

await t.test('PIN within the grace window keeps a blob, and a GET under way is not broken off by a sweep', async (t) => {
  let nowMs = 10_000_000;
  await using node = await StorageNode.start({ graceMs: GRACE_MS, now: () => nowMs });
  const client = await node.client({ windowBytes: 65_536 });
  const bytes = content(80 * LEAF_BYTES);
  const kept = await client.put(content(SIZE), { pin_ttl_ms: 0 });
  const swept = await client.put(bytes, { pin_ttl_ms: 0 });
  await client.call(StorageOp.PIN, { id: kept.id });
  const { chunks } = await client.open({ id: swept.id });
  const parts = [(await chunks.next()).value as Uint8Array];
  nowMs += GRACE_MS + 1;
  t.match(await client.call(StorageOp.GC), { swept_blobs: 1 });
  t.same(await client.has([kept.id, swept.id]), [true, false]);
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) parts.push(next.value);
  t.ok(Buffer.concat(parts).equals(bytes), 'all of it came');
});

await t.test('a tenant has its quota, and another one its own', async (t) => {
  await using node = await StorageNode.start({ quotaBytes: 5 * SIZE, quotaBlobs: 6, graceMs: 1_000_000 });
  const client = await node.client();
  const other = await node.client({ tenant: OTHER_TENANT });
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push((await client.put(content(SIZE, n + 1))).id);
  for (const fields of [{}, { size_bytes: SIZE }]) {
    t.same(await refusal(client.put(content(SIZE, 9), fields)), {
      reason: 'storage_quota',
      status: 507,
      detail: { quota_bytes: 5 * SIZE, used_bytes: 5 * SIZE },
    }, JSON.stringify(fields));
  }
  t.equal((await refusal(client.put(content(1, 9)))).reason, 'storage_quota', 'not even one byte');
  t.match(await client.put(Buffer.alloc(0)), { size_bytes: 0 }, 'the sixth blob, of no bytes');
  t.match(await other.put(content(SIZE, 9)), { size_bytes: SIZE }, 'another tenant is not affected');
  t.match(await client.put([], { expect: ids[0] }), { existed: true }, 'what is there needs no room');
  t.equal((await readdir(join(node.path, 'parts'))).length, 0);

  await client.call(StorageOp.UNPIN, { id: ids[2] });
  t.same(await client.has(ids), [true, true, true, true, true], 'what is unpinned stays while there is room');
  t.match(await client.put(content(SIZE, 9)), { existed: false }, 'and makes room when it is needed');
  t.same(await client.has(ids), [true, true, false, true, true]);
  t.equal((await refusal(client.put(content(1, 10)))).reason, 'storage_quota', 'six blobs are pinned now');
  t.match(await client.call(StorageOp.STAT), { blobs: 6, pinned_bytes: 5 * SIZE, unpinned_bytes: 0, quota_bytes: 5 * SIZE, quota_blobs: 6 });
});

await t.test('PUTs at the same time do not get past the quota together, and a part gives way', async (t) => {
  await using node = await StorageNode.start({ quotaBytes: 5 * SIZE, graceMs: 1_000_000 });
  const client = await node.client();
  const results = await Promise.allSettled(Array.from({ length: 9 }, (_, n) => client.put(content(SIZE, n + 1), n % 2 === 0 ? { size_bytes: SIZE } : {})));
  const taken = results.filter(({ status }) => status === 'fulfilled').length;
  t.ok(taken >= 1 && taken <= 5, `${taken} of 9 fit`);
  const { pinned_bytes: pinned, partial_bytes: partial } = (await client.call(StorageOp.STAT)) as { pinned_bytes: number; partial_bytes: number };
  t.same([pinned, partial], [taken * SIZE, 0]);

  await using roomy = await StorageNode.start({ quotaBytes: 30 * LEAF_BYTES, graceMs: 1_000_000 });
  const own = await roomy.client();
  const stream = await own.beginPut({ expect: `b3m:${'a'.repeat(64)}` });
  await stream.write(content(20 * LEAF_BYTES));
  stream.cancel();
  let kept = 0;
  for (let tries = 0; tries < 200 && kept === 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    kept = (await own.call(StorageOp.STAT)).partial_bytes as number;
  }
  t.ok(kept > 0, `${kept} bytes of a part`);
  t.match(await own.put(content(30 * LEAF_BYTES)), { existed: false }, 'it made room');
  t.match(await own.call(StorageOp.STAT), { pinned_bytes: 30 * LEAF_BYTES, partial_bytes: 0 });
});

await t.test('files that a crash left are removed when they are older than the grace window, and no others', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const { id } = await client.put(content(SIZE));
  await node.stop();
  const digest = 'ab'.repeat(32);
  const orphan = join(node.path, 'blobs', TENANT, 'ab');
  await mkdir(orphan, { recursive: true });
  await writeFile(join(orphan, digest), 'left between the file and its record');
  await writeFile(join(node.path, 'parts', '01j0000000000000000000000'), 'left in the middle of a PUT');
  await mkdir(join(node.path, 'quarantine', TENANT, 'ab'), { recursive: true });
  await writeFile(join(node.path, 'quarantine', TENANT, 'ab', digest), 'of a blob that was mended');
  // A change of its times changes when it was changed, so that the clock of the node is the one to move.
  await utimes(join(orphan, digest), 1, 1);
  {
    await using again = await StorageNode.start({ path: node.path, graceMs: 60_000 });
    await (await again.client()).call(StorageOp.GC);
    await new Promise((resolve) => setTimeout(resolve, 100));
    t.equal(await filesBelow(join(node.path, 'blobs')), 2, 'not before');
    t.equal(await filesBelow(join(node.path, 'parts')), 1);
    await again.stop();
    await using later = await StorageNode.start({ path: node.path, graceMs: 60_000, now: () => Date.now() + 120_000 });
    const own = await later.client();
    for (let tries = 0; tries < 200 && !later.logs.some((line) => line.includes('StorageOrphansRemoved')); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    t.equal(await filesBelow(join(node.path, 'parts')), 0);
    t.equal(await filesBelow(join(node.path, 'quarantine')), 0);
    t.equal(await filesBelow(join(node.path, 'blobs')), 1);
    t.ok((await own.get({ id })).body.equals(content(SIZE)), 'what has a record stays');
  }
});
