import { open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { StorageOp } from '../src/index.ts';
import { BLOB_CACHED_TRUST_MS, LEAF_BYTES } from '../src/limits.ts';
import { content, refusal, StorageNode, TENANT } from './fixtures/storage-node.ts';

const LEAVES = 70;
const SIZE = LEAVES * LEAF_BYTES + 9;
const bytes = content(SIZE);

function fileOf(node: StorageNode, id: string): string {
  return join(node.path, 'blobs', TENANT, id.slice(4, 6), id.slice(4));
}

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] as number) ^ 4;
  await file.write(byte, 0, 1, at);
  await file.close();
}

for (const { name, at, leaf } of [
  { name: 'the first byte', at: 0, leaf: 0 },
  { name: 'the last byte of a leaf', at: 6 * LEAF_BYTES - 1, leaf: 5 },
  { name: 'the first byte of a leaf', at: 6 * LEAF_BYTES, leaf: 6 },
  { name: 'the last byte', at: SIZE - 1, leaf: LEAVES },
]) {
  await t.test(`a flipped bit in ${name} is named and never served`, async (t) => {
    await using node = await StorageNode.start();
    const client = await node.client();
    const { id } = await client.put(bytes);
    await flip(fileOf(node, id), at);
    const served: Uint8Array[] = [];
    const got = (async () => {
      const { chunks } = await client.open({ id });
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) served.push(next.value);
    })();
    t.same(await refusal(got), { reason: 'blob_corrupt', status: 500, detail: { id, leaf } });
    const whole = Buffer.concat(served);
    t.ok(whole.length <= leaf * LEAF_BYTES && whole.equals(bytes.subarray(0, whole.length)), 'only good bytes before it');
    t.same(await refusal(client.get({ id, ranges: [[SIZE - 1, SIZE]] })), { reason: 'blob_corrupt', status: 500, detail: { id, leaf } }, 'no other part either');
    t.same(await client.has([id]), [false]);
    t.match(await client.call(StorageOp.STAT, { id }), { state: 'corrupt', corrupt_leaf: leaf, size_bytes: SIZE });
    t.match((await client.call(StorageOp.LIST)).blobs, [{ id, state: 'corrupt' }]);
    t.same(await readdir(join(node.path, 'quarantine', TENANT, id.slice(4, 6))), [id.slice(4)], 'it lies aside');
    t.ok(node.logs.some((line) => line.includes('BlobDamaged') && line.includes(id)), 'the operator is told');
    t.match(await client.put(bytes), { id, existed: false }, 'a PUT mends it');
    t.ok((await client.getVerified(id)).equals(bytes));
    t.same(await readdir(join(node.path, 'quarantine', TENANT, id.slice(4, 6))), [], 'and the damaged file goes');
    t.match(await client.call(StorageOp.STAT), { blobs: 1, pinned_bytes: SIZE });
    t.same(node.crashes, []);
  });
}

await t.test('ranges and proofs of a damaged blob are checked as the whole is', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  for (const proof of [false, true]) {
    const { id } = await client.put(bytes);
    t.equal((await client.get({ id, proof, ranges: [[0, 5]] })).status, 206, 'good leaves are served');
    await flip(fileOf(node, id), 12 * LEAF_BYTES + 7);
    const ranges = [[12 * LEAF_BYTES, 12 * LEAF_BYTES + 1]];
    t.same((await refusal(client.get({ id, proof, ranges }))).detail, { id, leaf: 12 }, `proof ${proof}`);
  }
});

await t.test('bytes that are kept for further GETs are given up when the file changes, and a scrub reads the file', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const small = bytes.subarray(0, 2 * LEAF_BYTES);
  for (const find of ['GET', 'SCRUB']) {
    const { id } = await client.put(small);
    for (let n = 0; n < 3; n++) t.ok((await client.get({ id })).body.equals(small));
    t.ok((await client.get({ id, ranges: [[LEAF_BYTES - 1, LEAF_BYTES + 1]] })).body.equals(small.subarray(LEAF_BYTES - 1, LEAF_BYTES + 1)));
    await new Promise((resolve) => setTimeout(resolve, BLOB_CACHED_TRUST_MS + 20));
    await flip(fileOf(node, id), LEAF_BYTES + 5);
    if (find === 'GET') t.same((await refusal(client.get({ id }))).detail, { id, leaf: 1 });
    else t.match(await client.call(StorageOp.SCRUB, { id }), { corrupt: [{ id, leaf: 1 }] });
    t.equal((await refusal(client.get({ id }))).reason, 'blob_corrupt');
  }
});

await t.test('damage of the stored tree, a short file and a lost file are damage too', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const cases: [string, (path: string) => Promise<void>, RegExp | number][] = [
    ['a leaf hash', (path) => flip(path, SIZE + 3), 0],
    ['a leaf hash of the second segment', (path) => flip(path, SIZE + 66 * 32), 64],
    ['a segment hash', (path) => flip(path, SIZE + (LEAVES + 1) * 32), 0],
    ['a short tree', (path) => truncate(path, SIZE + 10), 0],
    ['a short file', (path) => truncate(path, 3 * LEAF_BYTES + 1), 3],
    ['a file that ends far inside', (path) => truncate(path, 50 * LEAF_BYTES - 1), 49],
    ['no file', (path) => rm(path), 0],
  ];
  for (const [name, damage, leaf] of cases) {
    await using fresh = await StorageNode.start();
    const own = await fresh.client();
    const { id } = await own.put(bytes);
    await damage(fileOf(fresh, id));
    const found = await refusal(own.get({ id }));
    t.equal(found.reason, 'blob_corrupt', name);
    t.equal((found.detail as { leaf: number }).leaf, leaf, name);
    t.match(await own.put(bytes), { existed: false }, `${name}: mended`);
    t.ok((await own.get({ id })).body.equals(bytes), name);
    t.same(fresh.crashes, [], name);
  }
  t.ok(client);
});

await t.test('SCRUB finds damage that nobody asked for, and goes over everything once', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const ids: string[] = [];
  for (let n = 0; n < 12; n++) ids.push((await client.put(content(n * 40_000 + 5, n + 1))).id);
  const bad = ids[7] as string;
  await flip(fileOf(node, bad), 70_000);
  t.same(await client.call(StorageOp.SCRUB, { id: ids[8] }), { checked_blobs: 1, checked_bytes: 320_005, corrupt: [] });
  t.same(await client.call(StorageOp.SCRUB), { checked_blobs: 12, checked_bytes: 12 * 5 + 66 * 40_000 - 280_005, corrupt: [{ id: bad, leaf: 1 }] });
  t.match(await client.call(StorageOp.STAT, { id: bad }), { state: 'corrupt', corrupt_leaf: 1 });
  t.match(await client.call(StorageOp.SCRUB, { id: bad }), { checked_blobs: 1, corrupt: [{ id: bad, leaf: 1 }] }, 'and says so again');
  t.equal((await refusal(client.get({ id: bad }))).reason, 'blob_corrupt');
});

await t.test('the scrubber of the node finds it by itself', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const { id } = await client.put(bytes);
  const small = await client.put(content(5_000));
  await flip(fileOf(node, id), 30 * LEAF_BYTES);
  await node.stop();
  await using again = await StorageNode.start({ path: node.path, scrubBytesPerSecond: 1_000_000_000 });
  const later = await again.client();
  for (let tries = 0; tries < 300 && (await later.has([id]))[0] === true; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.match(await later.call(StorageOp.STAT, { id }), { state: 'corrupt', corrupt_leaf: 30 });
  t.match(await later.call(StorageOp.STAT, { id: small.id }), { state: 'whole' });
});

await t.test('a small blob in the index is checked as well', async (t) => {
  const { BlobIndex } = await import('../src/index/blob-index.ts');
  await using node = await StorageNode.start();
  const client = await node.client();
  const { id } = await client.put(content(5_000));
  await node.stop();
  const index = new BlobIndex(join(node.path, 'index'));
  const record = index.get(TENANT, id.slice(4));
  if (record?.inline === undefined) throw new Error('it should lie in the index');
  const inline = Buffer.from(record.inline);
  inline[1_000] = (inline[1_000] as number) ^ 1;
  await index.put(TENANT, id.slice(4), { ...record, inline });
  await index.close();
  await using again = await StorageNode.start({ path: node.path });
  const later = await again.client();
  t.same((await refusal(later.get({ id }))).detail, { id, leaf: 0 });
  t.match(await later.put(content(5_000)), { id, existed: false });
  t.ok((await later.get({ id })).body.equals(content(5_000)));
});
