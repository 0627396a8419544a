import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@omnigate/sdk';
import type { Client, ConnectOptions } from '@omnigate/sdk';
import t from 'tap';
import { StorageClient, TENANT } from './fixtures/storage-node.ts';
import { kill, startProcess } from './fixtures/storage-process.ts';

/** Takes minutes and gigabytes of disk: runs with OMNIGATE_LONG_TESTS=1. */
const skip = process.env.OMNIGATE_LONG_TESTS === '1' ? false : 'set OMNIGATE_LONG_TESTS=1 to run it';
const MIB = 1_048_576;
const RSS_GROWTH_BYTES_MAX = 64 * MIB;

interface Site {
  readonly path: string;
  client(options?: Partial<ConnectOptions>): Promise<StorageClient>;
  /** Resident bytes of the node. */
  resident(): Promise<number>;
  /** Growth of resident bytes while something runs, at its peak. */
  growth(action: () => Promise<void>): Promise<number>;
}

async function open(t: { teardown(end: () => Promise<void>): void }): Promise<Site> {
  const path = await mkdtemp(join(tmpdir(), 'omnigate-storage-'));
  const { child, url } = await startProcess(path);
  const clients: Client[] = [];
  t.teardown(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await kill(child);
    await rm(path, { recursive: true });
  });
  const resident = async (): Promise<number> => {
    const status = await readFile(`/proc/${String(child.pid)}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
  };
  return {
    path,
    resident,
    client: async (options = {}) => {
      const client = await connect({ url, tenant: TENANT, ...options });
      clients.push(client);
      return new StorageClient(client);
    },
    growth: async (action) => {
      const beforeBytes = await resident();
      let peakBytes = beforeBytes;
      const timer = setInterval(() => void resident().then((bytes) => { peakBytes = Math.max(peakBytes, bytes); }), 50);
      await action();
      clearInterval(timer);
      return peakBytes - beforeBytes;
    },
  };
}

async function* mebibytes(count: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < count; n++) {
    const chunk = Buffer.alloc(MIB, n % 251);
    chunk.writeUInt32BE(n);
    yield await Promise.resolve(chunk);
  }
}

async function drain(client: StorageClient, id: string, proof: boolean): Promise<number> {
  let bytes = 0;
  if (proof) {
    for await (const leaf of client.verified(id)) bytes += leaf.bytes.length;
    return bytes;
  }
  const { chunks } = await client.open({ id });
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) bytes += next.value.length;
  return bytes;
}

/** Reads the first 8 MiB of a blob in some seconds. */
async function readSlowly(client: StorageClient, id: string): Promise<void> {
  const { stream, chunks } = await client.open({ id });
  for (let got = 0; got < 8 * MIB; ) {
    got += ((await chunks.next()).value as Uint8Array).length;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  stream.cancel();
}

/** Uses the node enough for its heap to have the size it keeps. */
async function warm(client: StorageClient): Promise<void> {
  for (let n = 0; n < 3; n++) {
    const { id } = await client.put(mebibytes(64 + n));
    await drain(client, id, true);
  }
}

await t.test('a GiB through PUT and GET, a reader at 1 MB/s and 100 readers at once: memory stays flat', { skip, timeout: 900_000 }, async (t) => {
  const site = await open(t);
  const client = await site.client();
  await warm(client);
  let id = '';
  const timed = async (name: string, action: () => Promise<void>): Promise<void> => {
    const startMs = performance.now();
    const growthBytes = await site.growth(action);
    t.comment(`${name}: ${((performance.now() - startMs) / 1_000).toFixed(1)} s, +${(growthBytes / MIB).toFixed(0)} MiB`);
    t.ok(growthBytes < RSS_GROWTH_BYTES_MAX, `${name}: +${growthBytes} bytes`);
  };
  await timed('PUT of 1 GiB', async () => {
    ({ id } = await client.put(mebibytes(1_024)));
  });
  await timed('GET of 1 GiB', async () => {
    t.equal(await drain(client, id, false), 1_024 * MIB);
  });
  await timed('GET of 1 GiB with proof', async () => {
    t.equal(await drain(client, id, true), 1_024 * MIB);
  });
  await timed('a reader at 1 MB/s', async () => {
    const { stream, chunks } = await client.open({ id });
    for (let got = 0; got < 15 * MIB; ) {
      got += ((await chunks.next()).value as Uint8Array).length;
      await new Promise((resolve) => setTimeout(resolve, 65));
    }
    stream.cancel();
  });
  await timed('100 readers', async () => {
    const own = await Promise.all(Array.from({ length: 100 }, () => site.client()));
    await Promise.all(own.map((reader) => readSlowly(reader, id)));
  });
});

await t.test('100 readers at once on one connection: memory stays flat', { skip, timeout: 900_000 }, async (t) => {
  const site = await open(t);
  const client = await site.client();
  await warm(client);
  const { id } = await client.put(mebibytes(64));
  const growthBytes = await site.growth(async () => {
    await Promise.all(Array.from({ length: 100 }, () => readSlowly(client, id)));
  });
  t.comment(`+${(growthBytes / MIB).toFixed(0)} MiB`);
  t.ok(growthBytes < RSS_GROWTH_BYTES_MAX, `+${growthBytes} bytes`);
});

await t.test('5 GiB round-trip, and a range far inside', { skip, timeout: 900_000 }, async (t) => {
  const site = await open(t);
  const client = await site.client();
  await warm(client);
  let id = '';
  const growthBytes = await site.growth(async () => {
    ({ id } = await client.put(mebibytes(5 * 1_024), { size_bytes: 5 * 1_024 * MIB }));
    t.equal(await drain(client, id, true), 5 * 1_024 * MIB);
  });
  t.comment(`5 GiB: +${(growthBytes / MIB).toFixed(0)} MiB`);
  t.ok(growthBytes < RSS_GROWTH_BYTES_MAX, `+${growthBytes} bytes`);
  const at = 4_321 * MIB;
  const { body } = await client.get({ id, ranges: [[at, at + 4]] });
  t.equal(body.readUInt32BE(), 4_321);
});

/** Growth of this process while something runs, at its peak. */
async function ownGrowth(action: () => Promise<void>): Promise<number> {
  const beforeBytes = process.memoryUsage.rss();
  let peakBytes = beforeBytes;
  const timer = setInterval(() => { peakBytes = Math.max(peakBytes, process.memoryUsage.rss()); }, 50);
  await action();
  clearInterval(timer);
  return peakBytes - beforeBytes;
}

await t.test('the client library: a GiB through put() and get(), and a reader at 1 MB/s: memory stays flat on both sides', { skip, timeout: 900_000 }, async (t) => {
  const site = await open(t);
  const { raw } = await site.client();
  const storage = raw.storage();
  const read = async (id: string, bytesMax: number, pauseMs: number): Promise<number> => {
    let got = 0;
    for await (const chunk of storage.get(id)) {
      got += chunk.length;
      if (got >= bytesMax) break;
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return got;
  };
  for (let n = 0; n < 3; n++) await read((await storage.put(mebibytes(64 + n))).id, Infinity, 0);
  let id = '';
  const timed = async (name: string, action: () => Promise<void>): Promise<void> => {
    const startMs = performance.now();
    let own = 0;
    const growthBytes = await site.growth(async () => {
      own = await ownGrowth(action);
    });
    t.comment(`${name}: ${((performance.now() - startMs) / 1_000).toFixed(1)} s, node +${(growthBytes / MIB).toFixed(0)} MiB, client +${(own / MIB).toFixed(0)} MiB`);
    t.ok(growthBytes < RSS_GROWTH_BYTES_MAX, `${name}: node +${growthBytes} bytes`);
    t.ok(own < RSS_GROWTH_BYTES_MAX, `${name}: client +${own} bytes`);
  };
  await timed('put() of 1 GiB', async () => {
    ({ id } = await storage.put(mebibytes(1_024)));
  });
  await timed('get() of 1 GiB', async () => {
    t.equal(await read(id, Infinity, 0), 1_024 * MIB);
  });
  await timed('a reader at 1 MB/s', async () => {
    await read(id, 15 * MIB, 65);
  });
});
