import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import { connect } from '../src/index.ts';
import type { Client } from '../src/index.ts';
import { APP, Op, RealNode, STREAM_BYTES } from './fixtures/real-node.ts';
import { pattern } from './fixtures/scripted-node.ts';
import { failure, until } from './fixtures/session.ts';

async function startReal(t: Test): Promise<[Client, RealNode]> {
  const node = await RealNode.start();
  t.teardown(() => node[Symbol.asyncDispose]());
  const client = await connect({ url: node.url });
  t.teardown(() => client.close());
  return [client, node];
}

await t.test('requests of every size come back whole', async (t) => {
  const [client] = await startReal(t);
  for (const bytes of [0, 1, 64, 65, 4_096, 65_536, 1_048_538, 1_048_539, 3_000_000]) {
    const { payload } = await client.request(APP, Op.ECHO, pattern(bytes));
    t.ok(Buffer.from(payload).equals(pattern(bytes)), `${bytes} bytes`);
  }
});

await t.test('4,000 calls at once wait for their place and all come back', async (t) => {
  const [client] = await startReal(t);
  const replies = await Promise.all(Array.from({ length: 4_000 }, (_, i) => client.request(APP, Op.ECHO, pattern(100, i))));
  t.ok(replies.every(({ payload }, i) => Buffer.from(payload).equals(pattern(100, i))));
});

await t.test('more large uploads than the node can hold wait for each other', async (t) => {
  const [client] = await startReal(t);
  const payload = pattern(3_000_000);
  const replies = await Promise.all(
    Array.from({ length: 24 }, () => client.request(APP, Op.SLOW, payload, { retry: false })),
  );
  t.ok(replies.every((reply) => Buffer.from(reply.payload).toString() === '3000000'), 'not one was refused');
});

await t.test('200 deadlines at once leave the connection as it was', async (t) => {
  const [client, node] = await startReal(t);
  const calls = Array.from({ length: 200 }, () => failure(client.request(APP, Op.NEVER, pattern(1), { deadlineMs: 50 })));
  t.ok((await Promise.all(calls)).every(({ reason }) => reason === 'deadline_exceeded'));
  t.equal((await client.request(APP, Op.ECHO, pattern(5))).payload.length, 5);
  await until(() => node.cancelled === 200);
  t.equal((await client.request(APP, Op.ECHO, pattern(5))).payload.length, 5);
  t.equal(node.metrics.connections, 1, 'it is still the first connection');
});

await t.test('a reader that pauses pauses the service', async (t) => {
  const [client, node] = await startReal(t);
  const stream = client.stream(APP, Op.STREAM, { body: pattern(1) });
  await stream.head();
  await sleep(100);
  const ahead = node.producedBytes;
  t.ok(ahead <= 3 * 1_048_576, `the service is ${ahead} bytes ahead`);
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  t.equal(bytes, STREAM_BYTES);
});

await t.test('twenty rolling restarts under load lose no request and repeat none', async (t) => {
  let node = await RealNode.start();
  const { port, url } = node;
  const client = await connect({ url });
  t.teardown(async () => {
    await client.close();
    await node[Symbol.asyncDispose]();
  });
  const counted: string[][] = [node.counted];
  const wanted: string[] = [];
  let running = true;
  const worker = async (id: number): Promise<void> => {
    for (let i = 0; running; i++) {
      const key = `${id}-${i}`;
      const { payload } = await client.request(APP, Op.COUNT, Buffer.from(key));
      if (Buffer.from(payload).toString() !== key) throw new Error(`${key} got another answer`);
      wanted.push(key);
    }
  };
  const workers = Array.from({ length: 32 }, (_, id) => worker(id));
  const drains: Promise<number>[] = [];
  for (let restart = 0; restart < 20; restart++) {
    await until(() => node.counted.length > 20);
    drains.push(node.server.drain({ reason: 'restart', acceptMs: 0, timeoutMs: 5_000 }));
    await sleep(5);
    node = await RealNode.start(port);
    counted.push(node.counted);
  }
  await until(() => node.counted.length > 20);
  running = false;
  await Promise.all(workers);
  await Promise.all(drains);
  const done = counted.flat();
  t.ok(wanted.length > 200, `${wanted.length} requests`);
  t.same(done.length, new Set(done).size, 'none was carried out twice');
  t.same(done.sort(), wanted.sort(), 'each was carried out');
  t.ok(counted.every((each) => each.length > 0), 'by every node in turn');
});
