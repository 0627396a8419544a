import { encode } from '@msgpack/msgpack';
import { Reject } from '@omnigate/kernel/wire';
import fc from 'fast-check';
import t from 'tap';
import type { Test } from 'tap';
import type { BlobRange, ConnectOptions, Storage } from '../../src/index.ts';
import { StorageOp } from '../../src/storage/operations.ts';
import { pattern } from '../fixtures/scripted-node.ts';
import { ScriptedStorage } from '../fixtures/scripted-storage.ts';
import { failure, startSession } from '../fixtures/session.ts';

const LEAF_BYTES = 65_536;

interface Site {
  readonly node: ScriptedStorage;
  readonly storage: Storage;
}

async function start(t: Test, options: ConnectOptions = {}): Promise<Site> {
  const node = new ScriptedStorage();
  const [client] = await startSession(t, node.script, { windowBytes: 16_777_216, ...options });
  return { node, storage: client.storage() };
}

await t.test('a byte that is changed at any place of a reply leads to an error, or changes nothing that is handed out', async (t) => {
  const { node, storage } = await start(t);
  const bytes = Buffer.from(pattern(34 * LEAF_BYTES + 5_000));
  const sizes = [1, LEAF_BYTES, LEAF_BYTES + 1, 16 * LEAF_BYTES, 17 * LEAF_BYTES + 1, bytes.length];
  const ids = await Promise.all(sizes.map((size) => node.add(bytes.subarray(0, size), 'image/png')));
  const refusals = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(sizes.length - 1),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.integer({ min: 20_000, max: LEAF_BYTES }),
      fc.uniqueArray(fc.nat({ max: 35 * LEAF_BYTES }), { minLength: 2, maxLength: 6 }),
      fc.boolean(),
      async (which, place, mask, cutBytes, borders, whole) => {
        const size = sizes[which] as number;
        const id = ids[which] as string;
        const ends = borders.map((border) => border % (size + 1)).toSorted((a, b) => a - b);
        const ranges: BlobRange[] = [];
        for (let n = 0; n + 1 < ends.length; n += 2) {
          if ((ends[n] as number) < (ends[n + 1] as number)) ranges.push([ends[n] as number, ends[n + 1] as number]);
        }
        const asked = whole || ranges.length === 0 ? undefined : ranges;
        const wanted = Buffer.concat((asked ?? [[0, size]]).map(([start, end]) => bytes.subarray(start, end)));
        const change = { counts: false };
        node.cutBytes = cutBytes;
        node.tamper = (payload, metadataBytes) => {
          const at = place % payload.length;
          payload[at] = (payload[at] as number) ^ mask;
          // In the metadata there are words that nothing is derived from.
          change.counts = at >= metadataBytes;
          return payload;
        };
        const parts: Uint8Array[] = [];
        const error = await failure((async () => {
          for await (const part of storage.get(id, { ranges: asked })) parts.push(part);
          if (!change.counts) throw new Error('nothing was changed that counts');
        })()).catch((thrown: unknown) => thrown as Error);
        const got = Buffer.concat(parts);
        if (!wanted.subarray(0, got.length).equals(got)) throw new Error('wrong bytes were handed out');
        if (change.counts) refusals.add(Reflect.get(error, 'reason') as string);
      },
    ),
    { numRuns: 120 },
  );
  t.same([...refusals], ['blob_unverified']);
});

await t.test('metadata that is not that of the id, or no metadata', async (t) => {
  const { node, storage } = await start(t);
  const id = await node.add(pattern(1_000));
  const other = await node.add(pattern(1_000, 1));
  const root = Buffer.alloc(32);
  const good = { id, b3: `b3:${'0'.repeat(64)}`, size_bytes: 1_000, root, leaf_bytes: LEAF_BYTES, body_bytes: 1_000 };
  const cases: [object, string][] = [
    [good, 'blob_unverified'],
    [{ ...good, id: other }, 'blob_unverified'],
    [{ ...good, size_bytes: 2 ** 53 - 1 }, 'blob_unverified'],
    [{ ...good, size_bytes: -1 }, 'bad_response'],
    [{ ...good, root: root.subarray(1) }, 'bad_response'],
    [{ ...good, id: 'b3m:7' }, 'bad_response'],
    [{ ...good, leaf_bytes: 7 }, 'bad_response'],
    [[], 'bad_response'],
  ];
  for (const [metadata, reason] of cases) {
    node.onRequest = (peer, frame) => {
      peer.reply(frame, encode(metadata));
      return true;
    };
    const download = storage.get(id);
    t.equal((await failure(download.bytes())).reason, reason);
    t.equal((await failure(download.metadata)).reason, reason);
  }
});

await t.test('a blob by alias is hashed as a whole before a byte is handed out', async (t) => {
  const { node, storage } = await start(t);
  const id = await node.add(pattern(3 * LEAF_BYTES));
  const alias = node.blobs.get(id)?.b3 as string;
  const part = await storage.get(alias, { ranges: [[LEAF_BYTES, LEAF_BYTES + 5]] }).bytes();
  t.same(part, pattern(3 * LEAF_BYTES).subarray(LEAF_BYTES, LEAF_BYTES + 5));
  t.same(node.of(StorageOp.GET).map((fields) => [fields.id, fields.ranges]), [[alias, undefined], [id, [[LEAF_BYTES, LEAF_BYTES + 5]]]]);

  // The node names another blob that it can prove.
  const other = await node.add(pattern(3 * LEAF_BYTES, 9));
  node.blobs.delete(id);
  node.blobs.set(other, { ...(node.blobs.get(other) as NonNullable<ReturnType<typeof node.blobs.get>>), b3: alias });
  const parts: Uint8Array[] = [];
  const error = await failure((async () => {
    for await (const chunk of storage.get(alias)) parts.push(chunk);
  })());
  t.match(error, { reason: 'blob_unverified', detail: { id: other } });
  t.same(parts, [], 'nothing was handed out');
});

await t.test('a node that names another id than the bytes have is refused', async (t) => {
  const { node, storage } = await start(t);
  const other = await node.add(pattern(7));
  for (const source of [pattern(100), [pattern(100)]]) {
    for (const lie of [{ id: other }, { size_bytes: 99 }, { b3: `b3:${'0'.repeat(64)}` }]) {
      node.tamperPut = (reply) => ({ ...reply, ...lie });
      t.equal((await failure(storage.put(source))).reason, 'blob_unverified');
    }
    node.tamperPut = () => ({ id: 7 });
    t.match(await failure(storage.put(source)), { reason: 'bad_response', detail: { field: 'id' } });
  }
});

await t.test('put: its fields, and what is tried again', async (t) => {
  const { node, storage } = await start(t);
  const small = await storage.put(pattern(10), { mediaType: 'a/b', pinTtlMs: 5 });
  t.same(node.of(StorageOp.PUT), [{ media_type: 'a/b', pin_ttl_ms: 5, size_bytes: 10, expect: small.id }]);
  await storage.put([pattern(10)], { sizeBytes: 10 });
  t.same(node.of(StorageOp.PUT)[1], { size_bytes: 10 });
  let refusals = 2;
  node.onRequest = (peer, frame, fields) => {
    if (frame.code === StorageOp.STAT) peer.error(frame, Reject.op_unknown);
    else if (refusals-- > 0) peer.error(frame, Reject.service_unavailable);
    else if ('offset_bytes' in fields) return false;
    return true;
  };
  t.equal((await failure(storage.put(pattern(10)))).reason, 'op_unknown', 'how far it came is asked before each further attempt');
  node.onRequest = (peer, frame) => {
    peer.error(frame, Reject.service_unavailable);
    return true;
  };
  t.equal((await failure(storage.put([pattern(10)]))).reason, 'service_unavailable', 'a stream is not read twice');
  node.onRequest = (peer) => {
    peer.socket.destroy();
    return true;
  };
  t.equal((await failure(storage.put([pattern(10)]))).reason, 'connection_lost');
});

await t.test('a reply is asked for again only where that can help, and not for good', async (t) => {
  const { node, storage } = await start(t, { retry: { attempts: 1 } });
  const id = await node.add(pattern(2 * LEAF_BYTES));
  let cuts = 0;
  node.onRequest = (peer, frame) => {
    if (frame.code !== StorageOp.GET) return false;
    cuts++;
    peer.socket.destroy();
    return true;
  };
  t.equal((await failure(storage.get(id).bytes())).reason, 'connection_lost', 'before the first frame the policy of the client holds');
  t.equal(cuts, 1);
});
