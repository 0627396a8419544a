import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@omnigate/sdk';
import t from 'tap';
import { StorageOp } from '../src/index.ts';
import { LEAF_BYTES, UPLOAD_SYNC_BYTES } from '../src/limits.ts';
import { kill, startProcess as start } from './fixtures/storage-process.ts';
import { content, refusal, StorageClient, StorageNode, TENANT } from './fixtures/storage-node.ts';

/** Rounds of the loop; more with OMNIGATE_LONG_TESTS=1. */
const ROUNDS = process.env.OMNIGATE_LONG_TESTS === '1' ? 100 : 8;
await t.test('kill -9 during PUTs: each blob is absent or whole afterwards, and what was acknowledged is there', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'omnigate-storage-'));
  const acknowledged = new Map<string, Buffer>();
  const sizes = [100, 20_000, 200_000, 3_000_000];
  let pending: { readonly bytes: Buffer; readonly id: string }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { child, url } = await start(path);
    const raw = await connect({ url, tenant: TENANT, retry: false });
    const client = new StorageClient(raw);
    for (const { bytes, id } of pending) {
      const [there] = await client.has([id]);
      if (there === true) t.ok((await client.getVerified(id)).equals(bytes), 'not acknowledged, and whole');
    }
    pending = [];
    for (const [id, bytes] of acknowledged) t.ok((await client.getVerified(id)).equals(bytes), `round ${round}: acknowledged, and whole`);
    t.equal(((await client.call(StorageOp.SCRUB)).corrupt as unknown[]).length, 0, `round ${round}: nothing is damaged`);
    // Kept small: every round reads all of it again.
    acknowledged.clear();
    const puts = sizes.map(async (size, index) => {
      for (let n = 0; ; n++) {
        const bytes = content(size, round * 1_000 + index * 100 + n + 1);
        const reply = await client.put(bytes).catch(() => undefined);
        if (reply === undefined) {
          pending.push({ bytes, id: '' });
          return;
        }
        if (acknowledged.size < 20) acknowledged.set(reply.id, bytes);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 20 + (round * 37) % 200));
    await kill(child);
    // A PUT that begins now would wait for the node to come back.
    await raw.close();
    await Promise.all(puts);
    // Their ids, from a store that nothing happens to.
    await using other = await StorageNode.start();
    const calm = await other.client();
    pending = await Promise.all(pending.map(async ({ bytes }) => ({ bytes, id: (await calm.put(bytes)).id })));
  }
  await rm(path, { recursive: true });
});

await t.test('a PUT that kill -9 ended goes on where the disk was', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'omnigate-storage-'));
  const bytes = content(3 * UPLOAD_SYNC_BYTES);
  let id: string;
  {
    await using other = await StorageNode.start();
    id = (await (await other.client()).put(bytes)).id;
  }
  const first = await start(path);
  const raw = await connect({ url: first.url, tenant: TENANT, retry: false });
  const client = new StorageClient(raw);
  const stream = await client.beginPut({ expect: id, size_bytes: bytes.length });
  for (let at = 0; at < 2 * UPLOAD_SYNC_BYTES; at += LEAF_BYTES) await stream.write(bytes.subarray(at, at + LEAF_BYTES));
  let noted = 0;
  for (let tries = 0; tries < 400 && noted === 0; tries++) {
    noted = await client.call(StorageOp.STAT, { id }).then((stat) => stat.received_bytes as number, () => 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stream.cancel();
  await kill(first.child);
  await raw.close();

  const second = await start(path);
  const again = await connect({ url: second.url, tenant: TENANT });
  const own = new StorageClient(again);
  const { received_bytes: kept, state } = (await own.call(StorageOp.STAT, { id })) as { received_bytes: number; state: string };
  t.equal(state, 'partial');
  t.ok(kept >= UPLOAD_SYNC_BYTES, `${kept} bytes`);
  t.equal((await refusal(own.get({ id }))).reason, 'blob_not_found');
  t.match(await own.put(bytes.subarray(kept), { expect: id, offset_bytes: kept }), { id, existed: false });
  t.ok((await own.getVerified(id)).equals(bytes));
  await again.close();
  await kill(second.child);
  await rm(path, { recursive: true });
});
