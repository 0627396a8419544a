import t from 'tap';
import { DiskStore } from '../src/disk/disk-store.ts';
import { StorageOp } from '../src/index.ts';
import { LEAF_BYTES } from '../src/limits.ts';
import { batchBytes, pieceBytes } from '../src/transfer/batches.ts';
import { content, StorageNode } from './fixtures/storage-node.ts';

const MIB = 1_048_576;

/** Counts the bytes that are read of objects, in this process. */
function countReads(t: { teardown(end: () => void): void }): { bytes: number } {
  const counted = { bytes: 0 };
  const read = Reflect.get<DiskStore, 'read'>(DiskStore.prototype, 'read');
  DiskStore.prototype.read = async function (object, at, bytes, memory) {
    counted.bytes += bytes;
    return read.call(this, object, at, bytes, memory);
  };
  t.teardown(() => {
    DiskStore.prototype.read = read;
  });
  return counted;
}

await t.test('a slow reader makes the node read no further than its window and a MiB', async (t) => {
  const reads = countReads(t);
  await using node = await StorageNode.start();
  const client = await node.client({ windowBytes: 256 * 1_024 });
  const { id } = await client.put(content(16 * MIB));
  for (const proof of [false, true]) {
    reads.bytes = 0;
    const { stream, chunks } = await client.open({ id, proof });
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.ok(reads.bytes <= 256 * 1_024 + MIB, `${reads.bytes} bytes read for nobody, proof ${proof}`);
    for (let got = 0; got < 2 * MIB; ) got += ((await chunks.next()).value as Uint8Array).length;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const beforeBytes = reads.bytes;
    t.ok(beforeBytes <= 2 * MIB + 2 * 256 * 1_024 + MIB, `${beforeBytes} bytes after 2 MiB were taken`);
    stream.cancel();
    await client.raw.ping();
    await new Promise((resolve) => setTimeout(resolve, 100));
    t.ok(reads.bytes - beforeBytes <= MIB, `${reads.bytes - beforeBytes} bytes after the CANCEL`);
  }
  t.same(node.crashes, []);
});

await t.test('a fast reader that cancels, or goes, stops the reading within a MiB', async (t) => {
  const reads = countReads(t);
  await using node = await StorageNode.start();
  const client = await node.client();
  const { id } = await client.put(content(32 * MIB));
  for (const leave of ['cancel', 'close'] as const) {
    reads.bytes = 0;
    const own = await node.client();
    const { stream, chunks } = await own.open({ id });
    let got = 0;
    while (got < 4 * MIB) got += ((await chunks.next()).value as Uint8Array).length;
    if (leave === 'cancel') stream.cancel();
    else await own.raw.close();
    await new Promise((resolve) => setTimeout(resolve, 200));
    // The window was on its way, half of it granted again, and the MiB that is read ahead.
    t.ok(reads.bytes <= got + 3 * MIB, `${leave}: ${reads.bytes - got} bytes more than were taken`);
    const after = reads.bytes;
    await new Promise((resolve) => setTimeout(resolve, 100));
    t.equal(reads.bytes, after, `${leave}: and then nothing`);
  }
  t.same(node.crashes, []);
});

await t.test('credit comes back for bytes that were written, and not for bytes that came', async (t) => {
  const append = Reflect.get<DiskStore, 'append'>(DiskStore.prototype, 'append');
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  DiskStore.prototype.append = async function (part, at, bytes) {
    await gate;
    return append.call(this, part, at, bytes);
  };
  t.teardown(() => {
    DiskStore.prototype.append = append;
  });
  await using node = await StorageNode.start();
  const client = await node.client();
  const bytes = content(6 * MIB);
  const stream = await client.beginPut({ size_bytes: bytes.length });
  let left = 0;
  const writing = (async () => {
    for (let at = 0; at < bytes.length; at += LEAF_BYTES) {
      await stream.write(bytes.subarray(at, at + LEAF_BYTES));
      left = at + LEAF_BYTES;
    }
    await stream.end();
  })();
  await new Promise((resolve) => setTimeout(resolve, 300));
  await client.raw.ping();
  t.ok(left > 0 && left <= MIB, `${left} bytes left the client while the disk took none`);
  open();
  await writing;
  const { id } = await client.putReply(stream);
  t.ok((await client.get({ id })).body.equals(bytes));
});

await t.test('the batches of all transfers together are bounded', (t) => {
  t.equal(batchBytes(1), 8 * LEAF_BYTES);
  t.equal(batchBytes(0), 8 * LEAF_BYTES);
  t.equal(batchBytes(100), 2 * LEAF_BYTES);
  t.equal(batchBytes(1_024), LEAF_BYTES);
  for (let n = 1; n <= 256; n++) t.ok(batchBytes(n) * n <= 16 * MIB, `${n} transfers`);
  for (const n of [0, 1, 24]) t.equal(pieceBytes(n), 8 * LEAF_BYTES);
  t.equal(pieceBytes(192), LEAF_BYTES);
  t.equal(pieceBytes(1_024), 12_288);
  t.end();
});

await t.test('many GETs on one connection take turns and all come whole', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const bytes = Array.from({ length: 8 }, (_, n) => content(700_000 + n, n + 1));
  const ids = await Promise.all(bytes.map(async (blob) => (await client.put(blob)).id));
  for (const count of [64, 200]) {
    const got = await Promise.all(Array.from({ length: count }, async (_, n) => (await client.get({ id: ids[n % 8], proof: n % 3 === 0 })).body));
    t.ok(got.every((body, n) => n % 3 === 0 || body.equals(bytes[n % 8] as Buffer)), `${count} GETs`);
  }
  t.same(node.crashes, []);
});

await t.test('memory is read into again only when what it held has left', async (t) => {
  await using node = await StorageNode.start();
  const bytes = [content(12 * MIB, 1), content(12 * MIB, 2)] as const;
  const slow = await node.client({ windowBytes: 16 * MIB });
  const fast = await node.client();
  const [first, second] = [(await slow.put(bytes[0])).id, (await fast.put(bytes[1])).id];
  const { chunks } = await slow.open({ id: first });
  const parts: Uint8Array[] = [];
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    parts.push(next.value);
    // What waits for the slow reader lies in memory that the fast one would read into.
    if (parts.length % 48 === 1) t.ok((await fast.get({ id: second })).body.equals(bytes[1]));
  }
  t.ok(Buffer.concat(parts).equals(bytes[0]));
});

await t.test('a blob at hand is answered with what its record says now, and as the credit allows', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const poor = await node.client({ windowBytes: 4_096 });
  const bytes = content(3 * LEAF_BYTES);
  const { id } = await client.put(bytes);
  for (let n = 0; n < 3; n++) {
    const { metadata, body } = await client.get({ id });
    t.ok(body.equals(bytes) && metadata.body_bytes === bytes.length && metadata.media_type === undefined);
  }
  await client.put(bytes, { media_type: 'text/plain' });
  t.equal((await client.get({ id })).metadata.media_type, 'text/plain');
  const got = await Promise.all(Array.from({ length: 200 }, () => poor.get({ id })));
  t.ok(got.every(({ body }) => body.equals(bytes)));
  await client.call(StorageOp.UNPIN, { id });
  t.equal((await client.get({ id })).metadata.size_bytes, bytes.length, 'until a sweep');
});

