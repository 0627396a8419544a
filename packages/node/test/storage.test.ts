import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import { createLogger } from '@omnigate/kernel';
import { connect, OapError } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import t from 'tap';
import { createNode } from '../src/node.ts';

const ALICE = '00112233445566778899aabbccddeeff';
const BOB = '0123456789abcdef0123456789abcdef';
const PART = 60_000;

async function failure(work: Promise<unknown>): Promise<OapError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OapError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

await t.test('what an operator sets about storage and mailbox holds, for each tenant by itself', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'omnigate-node-storage-'));
  const logger = createLogger({ level: 'silent', destination: { write: () => undefined } });
  const bounds = { storageQuotaBytes: 2 * PART - 1, storageQuotaBlobs: 3, mailboxBodyBytesMax: 100 };
  const node = await createNode({ data, oap: '127.0.0.1:0', admin: '127.0.0.1:0', loadShedding: false, logger, ...bounds });
  const desk = await CapabilityStore.open({ folder: join(data, CAPABILITY_FOLDER), auditLog: 'ronctl' });
  t.teardown(async () => {
    await desk.close();
    await node[Symbol.asyncDispose]();
    rmSync(data, { recursive: true });
  });
  const clientOf = async (tenant: string): Promise<Client> => {
    const client = await connect({ url: node.addresses.oap?.url, cap: (await desk.mint({ tenant })).bytes });
    t.teardown(() => client.close());
    return client;
  };
  const [alice, bob] = await Promise.all([clientOf(ALICE), clientOf(BOB)]);
  const storage = alice.storage();
  const [first, second] = [Buffer.alloc(PART, 1), Buffer.alloc(PART, 2)];

  const { id } = await storage.put(first);
  t.match(await storage.usage(), { pinnedBytes: PART, quotaBytes: 2 * PART - 1, quotaBlobs: 3 });
  t.match(await failure(storage.put(second)), { reason: 'storage_quota', status: 507, detail: { quota_bytes: 2 * PART - 1, used_bytes: PART } });
  t.same(await bob.storage().has([id]), [false], 'another tenant does not learn of it');
  t.match(await bob.storage().put(second), { existed: false }, 'and is not affected');
  t.same(await storage.has([id]), [true]);
  await storage.unpin(id);
  t.match(await storage.put(second), { existed: false }, 'what is not pinned makes room');
  t.same(await storage.has([id]), [false]);
  await storage.put(Buffer.from('2'));
  await storage.put(Buffer.from('3'));
  t.equal((await failure(storage.put(Buffer.from('4')))).reason, 'storage_quota', 'the number of blobs');

  await alice.mailbox('notes').send(Buffer.alloc(100));
  t.equal((await failure(alice.mailbox('notes').send(Buffer.alloc(101)))).reason, 'body_too_large');

  const page = await (await fetch(`${node.addresses.admin?.url ?? ''}/metrics`)).text();
  t.match(page, /^storage_swept_blobs_total 1$/m);
  t.match(page, new RegExp(`^storage_swept_bytes_total ${PART}$`, 'm'));
  t.match(page, /^storage_corrupt_blobs_total 0$/m);
  t.match(page, /^mailbox_full 0$/m);
  t.match(page, /^mailbox_commit_seconds_bucket\{le="\+Inf"\} \d+$/m);
});
