import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import t from 'tap';
import { loadBlake3 } from '../src/hash/blake3.ts';
import { StorageOp } from '../src/index.ts';
import { BLOB_BYTES_MAX, HAS_IDS_MAX, INLINE_BYTES_MAX, LEAF_BYTES } from '../src/limits.ts';
import { StorageReject } from '../src/rejects.ts';
import { content, OTHER_TENANT, refusal, StorageNode, STORAGE_APP } from './fixtures/storage-node.ts';

const blake3 = await loadBlake3();
const SIZES = [
  0, 1, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, LEAF_BYTES - 1, LEAF_BYTES, LEAF_BYTES + 1, 3 * LEAF_BYTES,
  5 * LEAF_BYTES - 7, 16 * LEAF_BYTES, 17 * LEAF_BYTES + 1, 65 * LEAF_BYTES + 3, 133 * LEAF_BYTES,
];
const UNKNOWN = `b3m:${'0'.repeat(64)}`;

await t.test('blobs of every size come back whole, with and without proof, and after a restart', async (t) => {
  await using node = await StorageNode.start();
  const ids = new Map<number, string>();
  {
    const client = await node.client();
    for (const size of SIZES) {
      const bytes = content(size);
      const put = await client.put(bytes, size % 2 === 0 ? { size_bytes: size } : {});
      const b3 = `b3:${Buffer.from(blake3.hash(bytes)).toString('hex')}`;
      t.match(put, { size_bytes: size, b3, existed: false }, `${size} bytes`);
      ids.set(size, put.id);
      t.same(await client.put(bytes), { ...put, existed: true }, 'again');
    }
    await node.stop();
  }
  await using again = await StorageNode.start({ path: node.path });
  const client = await again.client();
  for (const [size, id] of ids) {
    const bytes = content(size);
    const { status, metadata, body } = await client.get({ id });
    t.equal(status, 200);
    t.ok(body.equals(bytes), `${size} bytes`);
    t.match(metadata, { id, size_bytes: size, leaf_bytes: LEAF_BYTES, body_bytes: size });
    t.ok((await client.getVerified(id)).equals(bytes), `${size} bytes, with proof`);
    const proved = await client.get({ id, proof: true });
    t.equal(proved.body.length, proved.metadata.body_bytes, 'body_bytes counts the proof');
    t.ok((await client.get({ id: metadata.b3 })).body.equals(bytes), 'by alias');
  }
  t.same(again.crashes, []);
});

await t.test('chunks of any size make the same blob', async () => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const bytes = content(10 * LEAF_BYTES + 4_321);
  const { id } = await client.put(bytes);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 40 }), async (lengths) => {
      const chunks: Buffer[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const length = lengths[n % lengths.length] as number;
        chunks.push(bytes.subarray(at, at + length));
        at += length;
      }
      return (await client.put(chunks.slice(0, 2_000).concat(bytes.subarray(chunks.slice(0, 2_000).reduce((sum, { length }) => sum + length, 0))))).id === id;
    }),
    { numRuns: 15 },
  );
});

await t.test('ranges are exactly the bytes asked for', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const size = 20 * LEAF_BYTES + 1_000;
  const bytes = content(size);
  const { id } = await client.put(bytes);
  const small = await client.put(content(100));
  const at = fc.oneof(
    fc.integer({ min: 0, max: size + 10 }),
    fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: -1, max: 1 })).map(([leaf, by]) => Math.max(0, leaf * LEAF_BYTES + by)),
  );
  const ranges = fc
    .uniqueArray(at, { minLength: 2, maxLength: 12 })
    .map((borders) => borders.sort((a, b) => a - b))
    .map((borders) => Array.from({ length: Math.floor(borders.length / 2) }, (_, n) => [borders[n * 2], borders[n * 2 + 1]] as [number, number]))
    .filter((found) => found.every(([start]) => start < size));
  await fc.assert(
    fc.asyncProperty(ranges, async (asked) => {
      const expected = Buffer.concat(asked.map(([start, end]) => bytes.subarray(start, end)));
      const { status, metadata, body } = await client.get({ id, ranges: asked });
      const parts = new Map<number, Uint8Array>();
      for await (const { leaf, bytes: leafBytes } of client.verified(id, asked)) parts.set(leaf, leafBytes);
      const proved = asked.map(([start, end]) => {
        const cut: Uint8Array[] = [];
        for (let leaf = Math.floor(start / LEAF_BYTES); leaf * LEAF_BYTES < Math.min(end, size); leaf++) {
          const from = leaf * LEAF_BYTES;
          cut.push((parts.get(leaf) as Uint8Array).subarray(Math.max(0, start - from), end - from));
        }
        return Buffer.concat(cut);
      });
      return status === 206 && metadata.body_bytes === body.length && body.equals(expected) && Buffer.concat(proved).equals(expected);
    }),
    { numRuns: 60 },
  );
  t.ok((await client.get({ id, ranges: [[size - 1, Number.MAX_SAFE_INTEGER]] })).body.equals(bytes.subarray(-1)), 'the last byte');
  t.ok((await client.get({ id: small.id, ranges: [[3, 5], [99, 200]] })).body.equals(Buffer.concat([content(100).subarray(3, 5), content(100).subarray(99)])), 'of a small blob');
  const { reason, detail } = await refusal(client.get({ id, ranges: [[0, 1], [size, size + 1]] }));
  t.same([reason, detail], ['range_invalid', { size_bytes: size }]);
  const empty = await client.put(Buffer.alloc(0));
  t.equal((await refusal(client.get({ id: empty.id, ranges: [[0, 1]] }))).reason, 'range_invalid');
});

await t.test('HAS says what is there, also of 1,024 ids at once and within 5 ms', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const puts = await Promise.all(Array.from({ length: 60 }, (_, n) => client.put(content(10 + n, n + 1))));
  const ids = Array.from({ length: HAS_IDS_MAX }, (_, n) => (n % 17 === 0 ? (puts[n / 17 % 60]?.id as string) : `b3m:${n.toString(16).padStart(64, '0')}`));
  t.same(await client.has(ids), ids.map((_, n) => n % 17 === 0));
  t.same(await client.has([puts[0]?.b3 as string, UNKNOWN]), [true, false], 'aliases');
  const times: number[] = [];
  for (let round = 0; round < 20; round++) {
    const startMs = performance.now();
    await client.has(ids);
    times.push(performance.now() - startMs);
  }
  const best = Math.min(...times);
  t.comment(`HAS of ${HAS_IDS_MAX} ids: ${best.toFixed(2)} ms`);
  t.ok(best < 5, `${best} ms from request to reply`);
});

await t.test('the map of a PUT: type, size, expectation, pin', async (t) => {
  let nowMs = 1_000_000;
  await using node = await StorageNode.start({ now: () => nowMs });
  const client = await node.client();
  const bytes = content(100_000);
  const { id } = await client.put(bytes, { media_type: 'text/plain', pin_ttl_ms: 5_000 }, { appE2e: true });
  t.match(await client.call(StorageOp.STAT, { id }), { id, state: 'whole', size_bytes: 100_000, media_type: 'text/plain', created_ms: nowMs, pinned: true, pin_until_ms: nowMs + 5_000 });
  const got = await client.get({ id });
  t.equal(got.metadata.media_type, 'text/plain');
  t.equal(got.flags, 128, 'ciphertext keeps its mark');
  nowMs += 1_000;
  await client.put(bytes, { pin_ttl_ms: 1 });
  t.match(await client.call(StorageOp.STAT, { id }), { media_type: 'text/plain', pin_until_ms: 1_005_000, created_ms: 1_000_000 }, 'a PUT never shortens a pin');
  await client.put(bytes, { media_type: 'text/html' });
  const pinned = await client.call(StorageOp.STAT, { id });
  t.match(pinned, { media_type: 'text/html', pinned: true });
  t.notOk('pin_until_ms' in pinned, 'without end');

  const other = content(100_001, 2);
  t.same(await refusal(client.put(other, { expect: UNKNOWN })), { reason: 'content_mismatch', status: 400, detail: { field: 'expect' } });
  for (const size of [99_999, 100_002]) {
    t.same((await refusal(client.put(other, { size_bytes: size }))).detail, { field: 'size_bytes' }, `${size} declared`);
  }
  t.equal((await refusal(client.call(StorageOp.STAT, { id: `b3m:${'1'.repeat(64)}` }))).reason, 'blob_not_found');
  t.equal((await refusal(client.put(other, { size_bytes: BLOB_BYTES_MAX + 1 }))).reason, 'blob_too_large');
  const known = await client.put([], { expect: id });
  t.match(known, { id, size_bytes: 100_000, existed: true }, 'expected and there: no bytes are needed');
  t.same(await readdir(join(node.path, 'parts')), [], 'nothing of what was refused is left');
  t.equal(((await client.call(StorageOp.LIST)).blobs as unknown[]).length, 1);
});

await t.test('PIN, UNPIN and LIST', async (t) => {
  let nowMs = 1_000_000;
  await using node = await StorageNode.start({ now: () => nowMs });
  const client = await node.client();
  const puts = await Promise.all(Array.from({ length: 25 }, (_, n) => client.put(content(n * 3_000, n + 1))));
  const ids = puts.map(({ id }) => id).sort();
  const listed: string[] = [];
  let cursor: unknown;
  do {
    const page = (await client.call(StorageOp.LIST, { limit: 7, ...(cursor === undefined ? {} : { cursor }) })) as { blobs: { id: string }[]; cursor?: string };
    t.ok(page.blobs.length <= 7);
    listed.push(...page.blobs.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  t.same(listed, ids, 'each once, ascending');
  t.same((await refusal(client.call(StorageOp.LIST, { cursor: 'nonsense' }))).detail, { field: 'cursor' });

  const [id = ''] = ids;
  t.same(await client.call(StorageOp.PIN, { id, ttl_ms: 500 }), { id, pinned: true, pin_until_ms: nowMs + 500 });
  nowMs += 501;
  t.match(await client.call(StorageOp.STAT, { id }), { pinned: false }, 'the pin has ended');
  t.same(await client.call(StorageOp.PIN, { id }), { id, pinned: true });
  t.same(await client.call(StorageOp.UNPIN, { id }), { id, pinned: false });
  t.same(await client.call(StorageOp.UNPIN, { id }), { id, pinned: false }, 'again');
  for (const op of [StorageOp.PIN, StorageOp.UNPIN, StorageOp.STAT]) {
    t.equal((await refusal(client.call(op, { id: UNKNOWN }))).reason, StorageReject.blob_not_found.reason);
  }
  t.equal((await refusal(client.get({ id: UNKNOWN }))).reason, 'blob_not_found');
});

await t.test('a tenant sees nothing of another one', async (t) => {
  await using node = await StorageNode.start();
  const [mine, theirs] = [await node.client(), await node.client({ tenant: OTHER_TENANT })];
  const bytes = content(200_000);
  const { id, b3 } = await mine.put(bytes);
  t.same(await theirs.has([id, b3]), [false, false]);
  for (const op of [StorageOp.STAT, StorageOp.PIN, StorageOp.UNPIN]) t.equal((await refusal(theirs.call(op, { id }))).reason, 'blob_not_found');
  t.equal((await refusal(theirs.get({ id }))).reason, 'blob_not_found');
  t.equal((await refusal(theirs.get({ id: b3 }))).reason, 'blob_not_found');
  t.same(await theirs.call(StorageOp.LIST), { blobs: [] });
  t.match(await theirs.call(StorageOp.STAT), { blobs: 0, pinned_bytes: 0 });
  t.match(await theirs.call(StorageOp.SCRUB), { checked_blobs: 0 });
  t.match(await theirs.put(bytes), { id, existed: false }, 'a PUT does not tell either');
  t.match(await theirs.put([], { expect: id }), { existed: true });
  await theirs.call(StorageOp.UNPIN, { id });
  t.match(await mine.call(StorageOp.STAT, { id }), { pinned: true }, 'and its pin is its own');
  t.match(await mine.call(StorageOp.STAT), { blobs: 1, pinned_bytes: 200_000, unpinned_bytes: 0 });
});

await t.test('a PUT takes all of its bytes whoever holds them: nothing of another tenant saves work', async (t) => {
  await using node = await StorageNode.start();
  const [mine, theirs] = [await node.client(), await node.client({ tenant: OTHER_TENANT })];
  const { id } = await mine.put(content(3 * LEAF_BYTES));
  const stream = await theirs.beginPut({ expect: id, size_bytes: 3 * LEAF_BYTES });
  await stream.write(content(3 * LEAF_BYTES).subarray(0, LEAF_BYTES));
  const early = await Promise.race([stream.head().then(() => 'answered'), new Promise((resolve) => setTimeout(resolve, 200, 'waits'))]);
  t.equal(early, 'waits', 'it waits for the rest');
  await stream.write(content(3 * LEAF_BYTES).subarray(LEAF_BYTES));
  await stream.end();
  t.match(await theirs.putReply(stream), { id, existed: false });
  const files = async (tenant: string): Promise<number> => (await readdir(join(node.path, 'blobs', tenant), { recursive: true })).length;
  t.same([await files('00112233445566778899aabbccddeeff'), await files(OTHER_TENANT)], [2, 2], 'each has a file of its own');
});

await t.test('the blob a request names is judged before anything is done', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const { id } = await client.put(content(10));
  const { id: open } = await client.put(content(11));
  node.closedTopics.add(id);
  for (const op of [StorageOp.STAT, StorageOp.PIN, StorageOp.UNPIN, StorageOp.SCRUB]) {
    t.equal((await refusal(client.call(op, { id }))).reason, 'cap_missing', `operation ${op}`);
    t.ok(await client.call(op, { id: open }), `operation ${op}`);
  }
  t.equal((await refusal(client.has([open, id]))).reason, 'cap_missing');
  t.equal((await refusal(client.get({ id }))).reason, 'cap_missing');
  t.equal((await refusal(client.put(content(10), { expect: id }))).reason, 'cap_missing');
  node.closedTopics.add('');
  for (const op of [StorageOp.STAT, StorageOp.LIST, StorageOp.GC, StorageOp.SCRUB]) {
    t.equal((await refusal(client.call(op))).reason, 'cap_missing', `operation ${op} without a blob`);
  }
  t.equal((await refusal(client.put(content(12)))).reason, 'cap_missing');
});

await t.test('requests in several frames, events, and operations that are none', async (t) => {
  await using node = await StorageNode.start();
  const client = await node.client();
  const { id } = await client.put(content(500_000));
  const body = encode({ id });
  const cut = client.raw.stream(STORAGE_APP, StorageOp.GET, { body: [body.subarray(0, 5), body.subarray(5)] });
  let bytes = 0;
  for await (const part of cut) bytes += part.length;
  t.ok(bytes > 500_000, 'a GET in two frames');
  const long = client.raw.stream(STORAGE_APP, StorageOp.HAS, { body: [new Uint8Array(65_536), new Uint8Array(65_537)] });
  t.equal((await refusal(long.head())).reason, 'stream_too_large');
  t.equal((await refusal(client.call(99))).reason, 'op_unknown');
  const refused = new Promise<string>((resolve) => client.raw.onRefused(({ reason }) => { resolve(reason); }));
  await client.raw.event(STORAGE_APP, StorageOp.UNPIN, body);
  t.equal(await refused, 'op_unknown');
  const map = { media_type: 'x', padding: 'y'.repeat(5_000) };
  t.same(await refusal(client.put(content(10), map)), { reason: 'bad_payload', status: 400, detail: { field: 'body' } }, 'a map beyond 4 KiB');
  t.same((await refusal(client.call(StorageOp.GET, { id: 5 }))).detail, { field: 'id' });
  t.same(node.crashes, []);
});
