import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { StorageOp } from '../src/index.ts';
import { LEAF_BYTES, PARTS_PER_TENANT_MAX, UPLOAD_SYNC_BYTES } from '../src/limits.ts';
import { content, refusal, StorageNode, TENANT } from './fixtures/storage-node.ts';
import type { StorageClient } from './fixtures/storage-node.ts';

const SIZE = 40 * LEAF_BYTES + 17;
const bytes = content(SIZE);

/** The id of some bytes, without storing them where the test works. */
async function idOf(blob: Uint8Array): Promise<string> {
  await using node = await StorageNode.start();
  return (await (await node.client()).put(blob)).id;
}
const id = await idOf(bytes);

/** Sends the first part of a PUT and lets go; resolves with what the node kept. */
async function breakOff(client: StorageClient, sent: number): Promise<number> {
  const stream = await client.beginPut({ expect: id });
  await stream.write(bytes.subarray(0, sent));
  stream.cancel();
  return received(client);
}

/** received_bytes of the part, once the node noticed that its PUT is gone. */
async function received(client: StorageClient): Promise<number> {
  for (let tries = 0; ; tries++) {
    try {
      return (await client.call(StorageOp.STAT, { id })).received_bytes as number;
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

await t.test('a PUT that broke off goes on where it was, also in another run of the node', async (t) => {
  await using node = await StorageNode.start();
  let client = await node.client();
  const kept = await breakOff(client, 20 * LEAF_BYTES + 5);
  t.ok(kept > 0 && kept % LEAF_BYTES === 0 && kept <= 20 * LEAF_BYTES, `${kept} bytes are kept`);
  t.match(await client.call(StorageOp.STAT, { id }), { state: 'partial', received_bytes: kept, pinned: false });
  t.match(await client.call(StorageOp.STAT), { blobs: 0, partial_bytes: kept });
  t.same(await client.has([id]), [false], 'a part is no blob');
  t.same(await client.call(StorageOp.LIST), { blobs: [] });
  t.equal((await refusal(client.get({ id }))).reason, 'blob_not_found');
  t.same(await refusal(client.put(bytes, { expect: id, offset_bytes: kept + LEAF_BYTES })), {
    reason: 'upload_offset',
    status: 409,
    detail: { received_bytes: kept },
  });
  t.equal(await received(client), kept, 'the refusal dropped nothing');
  await node.stop();

  await using again = await StorageNode.start({ path: node.path });
  client = await again.client();
  t.equal(await received(client), kept);
  const from = kept - LEAF_BYTES;
  const put = await client.put(bytes.subarray(from), { expect: id, offset_bytes: from, size_bytes: SIZE });
  t.match(put, { id, size_bytes: SIZE, existed: false });
  t.ok((await client.getVerified(id)).equals(bytes), 'and its bytes are right');
  t.match(await client.call(StorageOp.STAT), { blobs: 1, pinned_bytes: SIZE, partial_bytes: 0 });
  t.same(await readdir(join(again.path, 'parts')), []);
});

await t.test('wrong bytes in a resumed PUT leave nothing', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const kept = await breakOff(client, 20 * LEAF_BYTES);
  t.same((await refusal(client.put(content(SIZE - kept, 7), { expect: id, offset_bytes: kept }))).detail, { field: 'expect' });
  t.equal((await refusal(client.call(StorageOp.STAT, { id }))).reason, 'blob_not_found');
  t.same(await readdir(join(node.path, 'parts')), []);
  t.match(await client.call(StorageOp.STAT), { partial_bytes: 0 });
});

await t.test('a part whose file is gone or cut begins anew', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const kept = await breakOff(client, 20 * LEAF_BYTES);
  const part = join(node.path, 'parts', `${TENANT}-${id.slice(4)}`);
  await writeFile(part, content(3 * LEAF_BYTES + 9));
  t.same((await refusal(client.put([], { expect: id, offset_bytes: kept }))).detail, { received_bytes: 3 * LEAF_BYTES });
  await rm(part);
  t.same((await refusal(client.put([], { expect: id, offset_bytes: LEAF_BYTES }))).detail, { received_bytes: 0 });
  t.match(await client.put(bytes, { expect: id, offset_bytes: 0 }), { id, existed: false });
  t.ok((await client.get({ id })).body.equals(bytes));
});

await t.test('a PUT with an offset takes over; one without leaves the other alone', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const first = await client.beginPut({ expect: id });
  await first.write(bytes.subarray(0, 10 * LEAF_BYTES));
  t.match(await client.put(bytes, { pin_ttl_ms: 0 }), { id, existed: false }, 'another one finishes beside it');
  await client.call(StorageOp.GC);
  first.cancel();

  await using other = await StorageNode.start();
  const lost = await other.client();
  const stuck = await lost.beginPut({ expect: id });
  await stuck.write(bytes.subarray(0, 20 * LEAF_BYTES));
  const ended = refusal(lost.putReply(stuck));
  const fresh = await other.client();
  const put = fresh.put(bytes, { expect: id, offset_bytes: 0 });
  t.equal((await ended).reason, 'upload_replaced');
  t.match(await put, { id, existed: false });
  t.ok((await fresh.get({ id })).body.equals(bytes));
  t.same(other.crashes, []);
});

await t.test('a cancelled PUT without expectation leaves no file and no room taken', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const stream = await client.beginPut({ size_bytes: SIZE });
  await stream.write(bytes.subarray(0, 20 * LEAF_BYTES));
  stream.cancel();
  for (let tries = 0; tries < 200 && (await readdir(join(node.path, 'parts'))).length > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  t.same(await readdir(join(node.path, 'parts')), []);
  t.match(await client.call(StorageOp.STAT), { blobs: 0, pinned_bytes: 0, partial_bytes: 0 });
  t.same(node.crashes, []);
});

await t.test('a long PUT is noted while it runs, so that a crash costs little', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const stream = await client.beginPut({ expect: id });
  const long = content(LEAF_BYTES * 16);
  for (let sent = 0; sent < 2 * UPLOAD_SYNC_BYTES; sent += long.length) await stream.write(long);
  const noted = await received(client);
  t.ok(noted >= UPLOAD_SYNC_BYTES, `${noted} bytes`);
  t.match(await client.call(StorageOp.STAT), { partial_bytes: noted });
  const { size } = await stat(join(node.path, 'parts', `${TENANT}-${id.slice(4)}`));
  t.ok(size >= noted);
  stream.cancel();
});

await t.test('a client is never ahead of the disk by more than its window', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const stream = await client.beginPut({});
  const total = 64 * LEAF_BYTES * 4;
  let sent = 0;
  for (; sent < total; sent += LEAF_BYTES) await stream.write(bytes.subarray(0, LEAF_BYTES));
  const [part = ''] = await readdir(join(node.path, 'parts'));
  const { size } = await stat(join(node.path, 'parts', part));
  // What was written when the last chunk could leave.
  t.ok(sent - size <= 1_048_576 + LEAF_BYTES, `${sent - size} bytes ahead`);
  await stream.end();
  t.match(await client.putReply(stream), { size_bytes: total });
});

await t.test('a tenant has a bounded number of parts, and the oldest go first', async (t) => {
  let nowMs = 1_000_000;
  await using node = await StorageNode.start({ now: () => nowMs });
  const client = await node.client();
  const name = (n: number): string => `b3m:${n.toString(16).padStart(64, '0')}`;
  const state = async (n: number): Promise<unknown> => client.call(StorageOp.STAT, { id: name(n) }).then((stat) => stat.state, () => 'none');
  for (let n = 0; n < PARTS_PER_TENANT_MAX + 3; n++) {
    nowMs += 1;
    const stream = await client.beginPut({ expect: name(n) });
    await stream.write(bytes.subarray(0, 16 * LEAF_BYTES));
    stream.cancel();
    for (let tries = 0; tries < 200 && (await state(n)) === 'none'; tries++) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  for (let tries = 0; tries < 200 && (await state(2)) !== 'none'; tries++) await new Promise((resolve) => setTimeout(resolve, 5));
  t.same(await Promise.all([0, 1, 2, 3, PARTS_PER_TENANT_MAX + 2].map(state)), ['none', 'none', 'none', 'partial', 'partial']);
});
