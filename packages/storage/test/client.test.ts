import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, OapError } from '@omnigate/sdk';
import type { BlobRange, Client, Storage } from '@omnigate/sdk';
import t from 'tap';
import type { Test } from 'tap';
import { LEAF_BYTES } from '../src/limits.ts';
import { Relay } from './fixtures/relay.ts';
import { content, StorageNode, TENANT } from './fixtures/storage-node.ts';

const MIB = 1_048_576;

interface Site {
  readonly node: StorageNode;
  readonly client: Client;
  readonly storage: Storage;
}

async function start(t: Test): Promise<Site> {
  const node = await StorageNode.start();
  t.teardown(() => node[Symbol.asyncDispose]());
  return { node, ...(await connectTo(t, node.url)) };
}

/** The client reaches the node over a wire that can be cut and can change what it carries. */
async function startBehindWire(t: Test): Promise<Pick<Site, 'storage'> & { readonly wire: Relay }> {
  const node = await StorageNode.start();
  t.teardown(() => node[Symbol.asyncDispose]());
  const wire = await Relay.start(node.url);
  t.teardown(() => wire[Symbol.asyncDispose]());
  const { storage } = await connectTo(t, wire.url);
  return { storage, wire };
}

async function connectTo(t: Test, url: string): Promise<Pick<Site, 'client' | 'storage'>> {
  const client = await connect({ url, tenant: TENANT });
  t.teardown(() => client.close());
  return { client, storage: client.storage() };
}

async function failure(work: Promise<unknown>): Promise<OapError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OapError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

async function* inPieces(bytes: Uint8Array, pieceBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield await Promise.resolve(bytes.subarray(at, at + pieceBytes));
}

await t.test('every size round-trips, from every kind of source', async (t) => {
  const { storage } = await start(t);
  const folder = await mkdtemp(join(tmpdir(), 'omnigate-client-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'blob');
  for (const [seed, size] of [0, 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 17 * LEAF_BYTES + 3, 5 * MIB + 7].entries()) {
    const bytes = content(size, seed + 1);
    await writeFile(file, bytes);
    const streamed = await storage.put(inPieces(bytes, 50_000), { mediaType: 'text/plain' });
    t.match(streamed, { sizeBytes: size, existed: false }, `${size} bytes as a stream`);
    for (const source of [bytes, { file }, new Blob([new Uint8Array(bytes)]).stream(), [bytes]]) {
      t.same(await storage.put(source), { ...streamed, existed: true }, `${size} bytes, the same again`);
    }
    const download = storage.get(streamed.id);
    t.same(await download.metadata, { id: streamed.id, b3: streamed.b3, sizeBytes: size, mediaType: 'text/plain', endToEnd: false, bodyBytes: size });
    t.ok(Buffer.from(await download.bytes()).equals(bytes), `${size} bytes come back`);
    t.ok(Buffer.from(await storage.get(streamed.b3).bytes()).equals(bytes), 'also by alias');
  }
});

await t.test('ranges give exactly the bytes that were asked for', async (t) => {
  const { storage } = await start(t);
  const bytes = content(40 * LEAF_BYTES + 77, 3);
  const { id } = await storage.put(bytes);
  const size = bytes.length;
  const cases: BlobRange[][] = [
    [[0, 1]],
    [[size - 1, size]],
    [[LEAF_BYTES - 1, LEAF_BYTES + 1]],
    [[5, 9], [9, 10], [20, 30]],
    [[3, 70_000], [70_000, 70_001], [17 * LEAF_BYTES, 19 * LEAF_BYTES], [39 * LEAF_BYTES + 9, Infinity]],
    [[0, size + 1_000]],
    Array.from({ length: 256 }, (_, n): BlobRange => [n * 10_000, n * 10_000 + 1 + n]),
  ];
  for (const ranges of cases) {
    const wanted = Buffer.concat(ranges.map(([start, end]) => bytes.subarray(start, Math.min(end, size))));
    const download = storage.get(id, { ranges });
    t.equal((await download.metadata).bodyBytes, wanted.length);
    t.ok(Buffer.from(await download.bytes()).equals(wanted), `${ranges.length} ranges`);
  }
  t.match(await failure(storage.get(id, { ranges: [[size, size + 1]] }).bytes()), { reason: 'range_invalid', detail: { size_bytes: size } });
  for (const ranges of [[], [[1, 1]], [[5, 9], [8, 10]], [[-1, 3]], [[0.5, 3]], Array.from({ length: 257 }, (_, n) => [n, n + 1])]) {
    t.throws(() => storage.get(id, { ranges: ranges as unknown as BlobRange[] }), TypeError);
  }
  t.throws(() => storage.get('b3m:77'), TypeError);
  t.equal((await failure(storage.get(id).bytes({ maxBytes: size - 1 }))).reason, 'stream_too_large');
});

await t.test('a byte that changes on the way is found within its leaf, which is named, and nothing of it is handed out', async (t) => {
  const { storage, wire } = await startBehindWire(t);
  const bytes = content(35 * LEAF_BYTES, 4);
  const { id } = await storage.put(bytes);
  for (const leaf of [0, 15, 16, 34]) {
    const mark = bytes.subarray(leaf * LEAF_BYTES + 100, leaf * LEAF_BYTES + 130);
    wire.onDown = (chunk) => {
      const at = chunk.indexOf(mark);
      if (at < 0) return chunk;
      const changed = Buffer.from(chunk);
      changed[at] = (changed[at] as number) ^ 1;
      return changed;
    };
    let got = 0;
    const error = await failure((async () => {
      for await (const chunk of storage.get(id)) {
        t.ok(bytes.subarray(got, got + chunk.length).equals(chunk));
        got += chunk.length;
      }
    })());
    t.match(error, { reason: 'blob_unverified', retryable: false, detail: { id, leaf } });
    t.equal(got, leaf * LEAF_BYTES, `all before leaf ${leaf}, and nothing of it`);
  }
});

await t.test('an upload and a download go on where they were when the connection is cut', async (t) => {
  const { storage, wire } = await startBehindWire(t);
  const bytes = content(24 * MIB, 5);
  const cuts = [9, 18, 20];
  const done: number[] = [];
  const put = await storage.put(bytes, {
    onProgress: (doneBytes, totalBytes) => {
      done.push(doneBytes);
      t.equal(totalBytes, bytes.length);
      if (doneBytes < (cuts[0] ?? Infinity) * MIB) return;
      cuts.shift();
      wire.cut();
    },
  });
  t.equal(wire.connections, 4, 'three cuts');
  t.match(put, { sizeBytes: bytes.length, existed: false });
  t.ok(wire.upBytes < 2 * bytes.length, `${wire.upBytes} bytes were sent, not ${4 * bytes.length}`);
  t.equal(done.at(-1), bytes.length);

  const before = wire.downBytes;
  let got = 0;
  for await (const chunk of storage.get(put.id)) {
    t.ok(bytes.subarray(got, got + chunk.length).equals(chunk));
    const passed = Math.floor(got / (6 * MIB)) !== Math.floor((got + chunk.length) / (6 * MIB));
    got += chunk.length;
    if (passed && got < bytes.length) wire.cut();
  }
  t.equal(got, bytes.length);
  t.equal(wire.connections, 7, 'three more');
  t.ok(wire.downBytes - before < 1.5 * bytes.length, `${wire.downBytes - before} bytes came`);
});

await t.test('a reader that leaves or waits is not sent more than its window', async (t) => {
  const { storage, wire } = await startBehindWire(t);
  const { id } = await storage.put(content(16 * MIB, 6));
  const before = wire.downBytes;
  let got = 0;
  for await (const chunk of storage.get(id)) {
    got += chunk.length;
    if (got === 4 * LEAF_BYTES) await new Promise((resolve) => setTimeout(resolve, 200));
    if (got >= 5 * LEAF_BYTES) break;
  }
  await storage.usage();
  t.ok(wire.downBytes - before < got + 1.2 * MIB, `${wire.downBytes - before} bytes came for ${got}`);

  const aborting = new AbortController();
  const aborted = storage.get(id, { signal: aborting.signal });
  await aborted.metadata;
  aborting.abort(new Error('enough'));
  t.match(await failure(aborted.bytes()), { reason: 'cancelled', cause: { message: 'enough' } });

  const unread = storage.get(id);
  unread.cancel();
  t.equal((await failure(unread.metadata)).reason, 'cancelled');
});

await t.test('what is there, for how long, and whether it is whole', async (t) => {
  const { storage, client } = await start(t);
  const puts = await Promise.all([1, 2, 3].map((seed) => storage.put(content(LEAF_BYTES * seed, seed), { pinTtlMs: seed === 3 ? 0 : undefined })));
  const ids = puts.map(({ id }) => id);
  const [first = '', second = '', third = ''] = ids;
  const absent = `b3m:${'0'.repeat(64)}`;
  t.same(await storage.has([first, absent, puts[1]?.b3 as string, third]), [true, false, true, true]);
  t.same(await storage.has([]), []);
  const many = Array.from({ length: 2_500 }, (_, n) => (n % 3 === 0 ? first : absent));
  t.same(await storage.has(many), many.map((id) => id === first));
  t.match(await storage.stat(first), { id: first, state: 'whole', sizeBytes: LEAF_BYTES, pinned: true, pinUntilMs: undefined });
  t.equal((await failure(storage.stat(absent))).reason, 'blob_not_found');
  t.match(await storage.usage(), { blobs: 3, pinnedBytes: 3 * LEAF_BYTES, unpinnedBytes: 3 * LEAF_BYTES, partialBytes: 0 });
  const pinned = await storage.pin(third, { ttlMs: 1_000_000 });
  t.equal(pinned.id, third);
  t.equal((await storage.stat(third)).pinUntilMs, pinned.pinUntilMs);
  t.same(await storage.unpin(second), { id: second });
  const listed = [];
  for await (const blob of storage.list()) listed.push(blob);
  t.same(listed.map(({ id }) => id), ids.toSorted());
  t.same(await storage.gc(), { sweptBlobs: 0, sweptBytes: 0 }, 'the grace window is not over');
  const checked: number[] = [];
  t.same(await storage.scrub({ onProgress: (blobs) => checked.push(blobs) }), { checkedBlobs: 3, checkedBytes: 6 * LEAF_BYTES, corrupt: [] });
  t.same(checked, [3]);
  t.match(await storage.scrub({ id: first }), { checkedBlobs: 1 });
  t.equal((await failure(client.storage({ tenant: 'f'.repeat(32) }).get(first).bytes())).reason, 'blob_not_found', 'another tenant');
});

await t.test('what a source throws is what put() throws, and nothing is kept', async (t) => {
  const { storage } = await start(t);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(content(LEAF_BYTES));
    throw new RangeError('the tape tore');
  };
  await t.rejects(storage.put(broken()), new RangeError('the tape tore'));
  await t.rejects(storage.put(['text'] as unknown as Uint8Array[]), TypeError);
  await t.rejects(storage.put(77 as unknown as Uint8Array), TypeError);
  await t.rejects(storage.put({ file: '/nowhere/at/all' }), { code: 'ENOENT' });
  await t.rejects(storage.put({ file: tmpdir() }), { code: 'EISDIR' });
  const absent = `b3m:${'0'.repeat(64)}`;
  t.equal((await failure(storage.put(content(9), { expect: absent }))).reason, 'blob_unverified', 'before anything is sent');
  t.match(await failure(storage.put([content(9)], { expect: absent })), { reason: 'content_mismatch', detail: { field: 'expect' } });
  t.match(await failure(storage.put([content(9)], { sizeBytes: 8 })), { reason: 'content_mismatch', detail: { field: 'size_bytes' } });
  t.match(await storage.usage(), { blobs: 0, partialBytes: 0 });
  const secret = await storage.put(content(9), { endToEnd: true });
  t.match(await storage.get(secret.id).metadata, { endToEnd: true });
});
